"""The card of a model: the JSON file next to its .tflite."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, field

from device.perception.models.bundle import ModelBundle
from device.settings.types import Share

MODELS = Path(__file__).parents[2] / "models"
MODEL_NAMES = ("face", "voice", "prosody")
"""The models in use: one reads faces, two read voices."""
FORMAT = 4
"""The newest format of cards that this Mien reads."""


# Cards are printed: no control characters for the terminal, and no half of a surrogate pair.
Line = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f-\x9f\ud800-\udfff]*\Z", max_length=2000)]
Word = Annotated[str, Meta(pattern=r"^[!-~]{1,64}\Z")]
Power = Annotated[float, Meta(gt=0, le=10)]


class Corpus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A data set that the network was trained on."""

    name: Line
    licence: Line


class Golden(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The output for `ramp`, as stored in the tensor."""

    output: tuple[Annotated[int, Meta(ge=-128, le=127)], ...]


class TrainingDistribution(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The distribution of the training inputs; `perception.voice.novelty` measures how far a new input is from it."""

    axes: Annotated[bytes, Meta(max_length=1_000_000)]
    """(n, inputs) little-endian float16, base64 on the card: the principal axes, each divided by the inputs' standard
    deviation along it."""
    mean: Annotated[tuple[float, ...], Meta(min_length=1)]
    """(n,): the mean of the inputs, along the axes."""
    half_at: Annotated[float, Meta(gt=0, le=100)]
    """The distance at which an input's likeness is 0.5."""
    width: Annotated[float, Meta(gt=0, le=100)]
    """The range of distance over which the likeness falls."""


class Familiarity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Tells inputs like the training data by the network's response; see `perception.face.familiarity`."""

    half_at: Annotated[float, Meta(ge=-1000, le=1000)]
    """The log-sum-exp of the logits at which an input's likeness to the training data is 0.5."""
    width: Annotated[float, Meta(ge=0.001, le=100)]
    """The range of the log-sum-exp over which the likeness rises."""
    power: Annotated[float, Meta(gt=0, le=1)]
    """The exponent of the probabilities at a likeness of 0. At a likeness of 1 it is 1, which changes nothing."""


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known about a network. `convert` writes it; docs/REPORT.md has the details."""

    name: Word
    version: Word
    labels: tuple[Word, ...]
    input_shape: tuple[Annotated[int, Meta(ge=1, le=100_000)], ...]
    input: Line
    """The name of its preprocessing (`perception.models.inputs.INPUTS`)."""
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    temperature: Annotated[float, Meta(ge=0.01, le=100)]
    """Divides the logits; chosen on the validation set, within 0.3..5."""
    f1: tuple[Share, ...]
    """Per emotion on the validation set, in EMOTIONS' order."""
    unknown_below: Share
    """Below this confidence the network is wrong too often. Above it, three of four answers on the validation set are
    right. If fewer than half of the answers would reach it, it is lowered until half of them do."""
    corpora: tuple[Corpus, ...]
    accuracy: dict[Line, float]
    """Measured on the .tflite by `python -m convert evaluate`, in percent."""
    golden: Golden
    limits: Line
    """What it must not be used for."""
    power: Power = 1.0
    """The exponent of its probabilities when multiplied with another network's; fitted with the temperature."""
    power_adapted: Power | None = field(default=None, name="power_known")
    """The same once the speaker baseline is adapted, if it differs: prosody says more about a familiar voice."""
    power_far: Power | None = None
    """`power` for inputs far from the training distribution, if it differs: these are misread more often."""
    power_adapted_far: Power | None = field(default=None, name="power_known_far")
    """`power_adapted` for such inputs."""
    centre: tuple[float, ...] = ()
    """For inputs that are set against a speaker baseline: the mean over the corpora."""
    spread: tuple[Annotated[float, Meta(ge=0)], ...] = ()
    """The standard deviation, likewise."""
    training: TrainingDistribution | None = field(default=None, name="learnt")
    """On `prosody`'s card, for both voice networks."""
    familiarity: Familiarity | None = None
    """On `face`'s card: how a face unlike the training data is told, and how much less sure its reading is."""
    neutral_prior: tuple[Share, ...] = field(default=(), name="resting")
    """(7,) the geometric mean of the readings of neutral on the validation set; `prosody`'s card has that of both voice
    networks together."""
    format: Annotated[int, Meta(ge=1)] = FORMAT
    """Goes up with every change that an older Mien would misread; a card without one has format 1."""

    def power_for(self, adaptation: float, likeness: float = 1.0) -> float:
        """The power at an `adaptation` of the speaker baseline and a `likeness` to the training inputs, both 0..1."""
        near = _interpolate(self.power, self.power_adapted, adaptation)
        if self.power_far is None:
            return near
        return _interpolate(_interpolate(self.power_far, self.power_adapted_far, adaptation), near, likeness)


def _interpolate(begin: float, end: float | None, share: float) -> float:
    return begin if end is None else begin + share * (end - begin)


class _Format(msgspec.Struct, frozen=True):
    """The part of a card that can be read in every format."""

    format: int = 1


def parse_card(bundle: ModelBundle) -> Card:
    """Decode a model's card. Raises ModelError naming the file and the key."""
    try:
        newer = msgspec.json.decode(bundle.card, type=_Format).format
        if newer > FORMAT:
            problem = f"is a card of format {newer}, and this Mien reads {FORMAT}: it needs a newer Mien"
            raise bundle.error(f"{bundle.card_path}: {problem}")
        return msgspec.json.decode(bundle.card, type=Card)
    except (ValueError, RecursionError) as error:  # msgspec's own errors, and text that is not UTF-8
        raise bundle.error(f"{bundle.card_path}: is no model card ({error})") from error
