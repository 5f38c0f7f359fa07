"""What two voice cards say because they are a pair: to what powers they are multiplied, and how neutral reads."""

from pathlib import Path

import msgspec

from convert.card import write_pair
from convert.predictions import load
from convert.resting import usual
from convert.voices.distance import load_distances
from convert.voices.powers import PairPowers, Powers, multiplied, pair_powers
from device.emotions import softmax
from device.errors import ModelError
from device.sense.model import FORMAT, Model
from device.sense.voice_distance import likeness


def pair_up(models: Path, answers: Path) -> PairPowers:
    """Fit it on the answers that are kept and write both cards in `models`.

    Raises MediaError where the pair's answers of its validation or a distance are missing, and ModelError where
    `prosody`'s card does not tell what distances are counted from.
    """
    picture, prosody = Model("voice", models), Model("prosody", models)
    learnt = prosody.card.learnt
    if learnt is None:
        raise ModelError(f"{models}/prosody.json: tells nothing of what was learnt from: python -m convert distances")
    temperatures = Powers(picture.card.temperature, prosody.card.temperature)
    powers = pair_powers(answers, temperatures)
    seen, heard = (load(answers / f"{name}.npz") for name in ("voice-validation", "prosody-validation-stranger"))
    distance = load_distances(answers / "distance-validation.npz").of(seen, known=False)
    like_learnt = likeness(distance, powers.half_at, learnt.width)
    said = multiplied(seen, heard, powers.strangers, temperatures, like_learnt)
    changed = {
        "learnt": msgspec.structs.replace(learnt, half_at=powers.half_at),
        "resting": usual(softmax(said.logits), heard.truth),
    }
    for model, at, more in ((picture, 0, {}), (prosody, 1, changed)):
        (near, far), (near_known, far_known) = powers.strangers, powers.known
        card = msgspec.structs.replace(
            model.card,
            power=near[at],
            power_known=near_known[at],
            power_far=far[at],
            power_known_far=far_known[at],
            format=FORMAT,
            **more,
        )
        write_pair(models, (models / f"{card.name}.tflite").read_bytes(), card)
    return powers
