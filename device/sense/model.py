"""A model is two files: NAME.tflite and its card NAME.json. Loading checks the hash, the shapes and a golden input."""

import hashlib
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from device.bounds import Share
from device.emotions import EMOTIONS
from device.errors import ModelError
from device.sense.pairs.pair import Pair, read_pair
from device.sense.tflite import Network, Tensor

MODELS = Path(__file__).parents[1] / "models"
PAIRS = ("face", "voice", "prosody")
"""All that are in use: one reads faces, two read voices."""
FORMAT = 3
"""Of cards, the newest that this Mien reads."""
_GOLDEN_SLACK = 3
"""Steps of the output that another processor's kernels may differ by. A wrong network differs by dozens."""


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


class Learnt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the inputs lie that a network learnt from; device.sense.voice_distance tells how far another is away."""

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
    """How the input is made, in words; the code is device/sense/prepare.py."""
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
    learnt: Learnt | None = None
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


def ramp(tensor: Tensor) -> npt.NDArray[np.int8]:
    """The golden input: a fixed pattern over the whole int8 range, shaped as `tensor`."""
    steps = np.arange(int(np.prod(tensor.shape)), dtype=np.int64)
    return ((steps * steps // 7 + 11 * steps) % 255 - 127).astype(np.int8).reshape(tensor.shape)


class Model:
    """A checked pair."""

    def __init__(self, which: str | Pair, folder: Path = MODELS) -> None:
        """`which`: a pair that was read already, or its name in `folder`. Raises ModelError naming file and fault."""
        pair = which if isinstance(which, Pair) else read_pair(which, folder)
        self.card = card_of(pair)
        try:
            self._check(pair)
        except ModelError as error:
            raise pair.off(str(error)) from error

    def _check(self, pair: Pair) -> None:
        path = pair.path
        found = hashlib.sha256(pair.network).hexdigest()
        if found != self.card.sha256:
            raise ModelError(
                f"{path}: is not the file that its card describes (sha256 {found[:12]}…, the card says "
                f"{self.card.sha256[:12]}…); one of the two is damaged or from another version"
            )
        self.network = Network(pair.network, path)
        self._check_shapes(path)
        try:
            golden = self.network.run_raw(ramp(self.network.inputs[0]))[0].ravel().astype(np.int64)
        except (ValueError, RuntimeError, MemoryError) as error:
            raise ModelError(f"{path}: cannot be run on the golden input ({error})") from error
        off = int(np.abs(golden - np.array(self.card.golden.output)).max())
        if off > _GOLDEN_SLACK:
            raise ModelError(
                f"{path}: the golden input reads {off} steps off: "
                "the network, its card or this machine's runtime is wrong"
            )

    def _check_shapes(self, path: str) -> None:
        network, card = self.network, self.card
        if len(network.inputs) != 1 or not network.outputs:
            raise ModelError(
                f"{path}: has {len(network.inputs)} inputs and {len(network.outputs)} outputs, not one each"
            )
        source, result = network.inputs[0], network.outputs[0]
        if source.shape != card.input_shape or source.dtype != np.int8:
            raise ModelError(f"{path}: takes {source.shape} {source.dtype}, its card says {card.input_shape} int8")
        if result.shape != (1, len(card.labels)) or len(card.golden.output) != len(card.labels):
            raise ModelError(f"{path}: gives {result.shape}, its card names {len(card.labels)} labels")
        if result.dtype != np.int8:
            raise ModelError(f"{path}: gives {result.dtype}, not int8")
        for tensor in (source, result):
            if not 0 < tensor.scale < np.inf or not -128 <= tensor.zero_point <= 127:
                raise ModelError(f"{path}: {tensor.name} has no scale of its own; it was not quantized rightly")
        if card.labels[: len(EMOTIONS)] != tuple(e.value for e in EMOTIONS) or len(card.f1) != len(EMOTIONS):
            raise ModelError(f"{path}: its card's labels must begin with {', '.join(EMOTIONS)}")
        if len(card.resting) not in (0, len(EMOTIONS)):
            raise ModelError(f"{path}: its card's resting has {len(card.resting)} numbers, not {len(EMOTIONS)}")


def card_of(pair: Pair) -> Card:
    """Decode a pair's card. Raises ModelError naming the file and the key."""
    try:
        newer = msgspec.json.decode(pair.card, type=_Format).format
        if newer > FORMAT:
            said = f"is a card of format {newer}, and this Mien reads {FORMAT}: it needs a newer Mien"
            raise pair.off(f"{pair.card_path}: {said}")
        return msgspec.json.decode(pair.card, type=Card)
    except (ValueError, RecursionError) as error:  # msgspec's own errors, and a text that is not UTF-8
        raise pair.off(f"{pair.card_path}: is no model card ({error})") from error
