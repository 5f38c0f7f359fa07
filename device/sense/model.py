"""A model is two files: NAME.tflite and its card NAME.json. Loading checks the hash, the shapes and a golden input."""

import hashlib
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from device.emotions import EMOTIONS
from device.errors import ModelError
from device.sense.tflite import Network, Tensor

MODELS = Path(__file__).parents[1] / "models"
PAIRS = ("face", "voice", "prosody")
"""All that are in use: one reads faces, two read voices."""
_GOLDEN_SLACK = 3
"""Steps of the output that another processor's kernels may differ by. A wrong network differs by dozens."""


class Corpus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a network has seen in training."""

    name: str
    licence: str


class Golden(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The output for `ramp`, as stored in the tensor."""

    output: tuple[int, ...]


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of a network. `convert` writes it; docs/REPORT.md tells it at length."""

    name: str
    version: str
    labels: tuple[str, ...]
    input_shape: tuple[int, ...]
    input: str
    """How the input is made, in words; the code is device/sense/prepare.py."""
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    temperature: Annotated[float, Meta(gt=0, le=100)]
    """Divides the logits; chosen on validation."""
    f1: tuple[float, ...]
    """Per emotion on validation, in EMOTIONS' order."""
    unknown_below: Annotated[float, Meta(ge=0, le=1)]
    """Less sure than this it is wrong too often: from it on, three of four answers on validation are right."""
    corpora: tuple[Corpus, ...]
    accuracy: dict[str, float]
    """Measured on the .tflite by `python -m convert evaluate`, in per cent."""
    golden: Golden
    limits: str
    """What it must not be used for."""
    power: Annotated[float, Meta(gt=0, le=10)] = 1.0
    """What its probabilities are raised to where they meet another network's; fitted with the temperature."""
    centre: tuple[float, ...] = ()
    """Of inputs that are set against what is usual: the mean over its corpora."""
    spread: tuple[float, ...] = ()
    """And the deviation."""
    resting: tuple[float, ...] = ()
    """(7,) how neutral reads on validation, as a geometric mean; of the voice networks together on `prosody`'s card."""


def ramp(tensor: Tensor) -> npt.NDArray[np.int8]:
    """The golden input: a fixed pattern over the whole int8 range, shaped as `tensor`."""
    steps = np.arange(int(np.prod(tensor.shape)), dtype=np.int64)
    return ((steps * steps // 7 + 11 * steps) % 255 - 127).astype(np.int8).reshape(tensor.shape)


class Model:
    """A checked pair."""

    def __init__(self, name: str, folder: Path = MODELS) -> None:
        """Raises ModelError naming the file and what is off."""
        path, sidecar = folder / f"{name}.tflite", folder / f"{name}.json"
        self.card = read_card(sidecar)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path}: cannot be read ({error.strerror}); install Mien again") from error
        found = hashlib.sha256(content).hexdigest()
        if found != self.card.sha256:
            raise ModelError(
                f"{path}: is not the file that its card describes (sha256 {found[:12]}…, the card says "
                f"{self.card.sha256[:12]}…); one of the two is damaged or from another version: install both again"
            )
        self.network = Network(content, str(path))
        self._check_shapes(path)
        golden = self.network.run_raw(ramp(self.network.inputs[0]))[0].ravel().astype(np.int64)
        off = int(np.abs(golden - np.array(self.card.golden.output)).max())
        if off > _GOLDEN_SLACK:
            raise ModelError(f"{path}: the golden input reads {off} steps off; this machine's runtime computes wrongly")

    def _check_shapes(self, path: Path) -> None:
        network, card = self.network, self.card
        source, result = network.inputs[0], network.outputs[0]
        if len(network.inputs) != 1 or source.shape != card.input_shape or source.dtype != np.int8:
            raise ModelError(f"{path}: takes {source.shape} {source.dtype}, its card says {card.input_shape} int8")
        if result.shape != (1, len(card.labels)) or len(card.golden.output) != len(card.labels):
            raise ModelError(f"{path}: gives {result.shape}, its card names {len(card.labels)} labels")
        if card.labels[: len(EMOTIONS)] != tuple(e.value for e in EMOTIONS) or len(card.f1) != len(EMOTIONS):
            raise ModelError(f"{path}: its card's labels must begin with {', '.join(EMOTIONS)}")
        if len(card.resting) not in (0, len(EMOTIONS)):
            raise ModelError(f"{path}: its card's resting has {len(card.resting)} numbers, not {len(EMOTIONS)}")


def read_card(path: Path) -> Card:
    """Decode a card. Raises ModelError naming the file and the key."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Card)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); install Mien again") from error
    except msgspec.DecodeError as error:
        raise ModelError(f"{path}: is no model card ({error}); install Mien again") from error
