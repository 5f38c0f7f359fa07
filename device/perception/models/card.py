"""The card of a model: the JSON file beside its .tflite."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from device.perception.models.bundle import ModelBundle
from device.settings.types import Share

MODELS = Path(__file__).parents[2] / "models"
MODEL_NAMES = ("face", "voice", "prosody")
"""All that are in use: one reads faces, two read voices."""
FORMAT = 3
"""Of cards, the newest that this Mien reads."""


# Cards are printed: nothing that a terminal would obey, and no half of a surrogate pair.
Line = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f-\x9f\ud800-\udfff]*\Z", max_length=2000)]
Word = Annotated[str, Meta(pattern=r"^[!-~]{1,64}\Z")]


class Corpus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a network has seen in training."""

    name: Line
    licence: Line


class Golden(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The output for `ramp`, as stored in the tensor."""

    output: tuple[Annotated[int, Meta(ge=-128, le=127)], ...]


class TrainingDistribution(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The distribution of the training inputs; `perception.voice.novelty` measures how far a new input is from it."""

    axes: Annotated[bytes, Meta(max_length=1_000_000)]
    """(n, inputs) little-endian float16, base64 on the card: the directions in which they differ most, each divided by
    their deviation along it."""
    mean: Annotated[tuple[float, ...], Meta(min_length=1)]
    """(n,) theirs along the axes."""
    half_at: Annotated[float, Meta(gt=0, le=100)]
    """The distance at which an input is half like these."""
    width: Annotated[float, Meta(gt=0, le=100)]
    """And over how much of it that changes."""


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of a network. `convert` writes it; docs/REPORT.md tells it at length."""

    name: Word
    version: Word
    labels: tuple[Word, ...]
    input_shape: tuple[Annotated[int, Meta(ge=1, le=100_000)], ...]
    input: Line
    """How the input is made, in words; the code is device/perception/voice/input.py."""
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    temperature: Annotated[float, Meta(ge=0.01, le=100)]
    """Divides the logits; chosen on validation, within 0.3..5."""
    f1: tuple[Share, ...]
    """Per emotion on validation, in EMOTIONS' order."""
    unknown_below: Share
    """Less sure than this it is wrong too often. From it on three of four answers on validation are right; where that
    would leave less than half of them, it is what leaves half."""
    corpora: tuple[Corpus, ...]
    accuracy: dict[Line, float]
    """Measured on the .tflite by `python -m convert evaluate`, in per cent."""
    golden: Golden
    limits: Line
    """What it must not be used for."""
    power: Annotated[float, Meta(gt=0, le=10)] = 1.0
    """What its probabilities are raised to where they meet another network's; fitted with the temperature."""
    power_known: Annotated[float, Meta(gt=0, le=10)] | None = None
    """The same once the voices here are well known, where that is another: prosody tells more of who is known."""
    power_far: Annotated[float, Meta(gt=0, le=10)] | None = None
    """`power` of what is far from all that was learnt from, where that is another: it is read wrong more often."""
    power_known_far: Annotated[float, Meta(gt=0, le=10)] | None = None
    """And `power_known` of it."""
    centre: tuple[float, ...] = ()
    """Of inputs that are set against what is usual: the mean over its corpora."""
    spread: tuple[Annotated[float, Meta(ge=0)], ...] = ()
    """And the deviation."""
    learnt: TrainingDistribution | None = None
    """Of inputs whose distance from what was learnt is measured; on `prosody`'s card, for both voice networks."""
    resting: tuple[Share, ...] = ()
    """(7,) how neutral reads on validation, as a geometric mean; of the voice networks together on `prosody`'s card."""
    format: Annotated[int, Meta(ge=1)] = FORMAT
    """Rises with what an older Mien could not read rightly; a card without it is of the first."""

    def power_among(self, known: float, like_learnt: float = 1.0) -> float:
        """The power where voices are `known` so well, 0..1, and so much `like_learnt` ones, 0..1."""
        near = _between(self.power, self.power_known, known)
        if self.power_far is None:
            return near
        return _between(_between(self.power_far, self.power_known_far, known), near, like_learnt)


def _between(begin: float, end: float | None, share: float) -> float:
    return begin if end is None else begin + share * (end - begin)


class _Format(msgspec.Struct, frozen=True):
    """As much of a card as can be read of any."""

    format: int = 1


def parse_card(pair: ModelBundle) -> Card:
    """Decode a pair's card. Raises ModelError naming the file and the key."""
    try:
        newer = msgspec.json.decode(pair.card, type=_Format).format
        if newer > FORMAT:
            said = f"is a card of format {newer}, and this Mien reads {FORMAT}: it needs a newer Mien"
            raise pair.off(f"{pair.card_path}: {said}")
        return msgspec.json.decode(pair.card, type=Card)
    except (ValueError, RecursionError) as error:  # msgspec's own errors, and a text that is not UTF-8
        raise pair.off(f"{pair.card_path}: is no model card ({error})") from error
