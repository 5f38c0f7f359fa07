"""What two voice cards say because they are a pair: to what powers they are multiplied, and how neutral reads."""

from pathlib import Path

import msgspec

from convert.card import write_pair
from convert.predictions import load
from convert.resting import usual
from convert.voices.powers import Powers, multiplied, pair_powers
from device.emotions import softmax
from device.sense.model import Model


def pair_up(models: Path, answers: Path) -> dict[str, Powers]:
    """Fit it on the answers that are kept and write both cards in `models`; the powers for strangers and for known.

    Raises MediaError where the pair's answers of its validation are missing.
    """
    picture, prosody = Model("voice", models), Model("prosody", models)
    temperatures = Powers(picture.card.temperature, prosody.card.temperature)
    strangers, known = (pair_powers(answers, temperatures, known=known) for known in (False, True))
    seen, heard = (load(answers / f"{name}.npz") for name in ("voice-validation", "prosody-validation-stranger"))
    rest = usual(softmax(multiplied(seen, heard, strangers, temperatures).logits), heard.truth)
    cards = {
        "voice": msgspec.structs.replace(picture.card, power=strangers.picture, power_known=known.picture),
        "prosody": msgspec.structs.replace(
            prosody.card, power=strangers.prosody, power_known=known.prosody, resting=rest
        ),
    }
    for name, card in cards.items():
        write_pair(models, (models / f"{name}.tflite").read_bytes(), card)
    return {"strangers": strangers, "heard before": known}
