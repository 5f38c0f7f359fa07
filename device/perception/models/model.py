"""A model: a network and its card. Loading checks the hash, the shapes and a golden input."""

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from device.emotions import EMOTIONS
from device.errors import ModelError
from device.perception.models.bundle import ModelBundle, read_bundle
from device.perception.models.card import MODELS, parse_card
from device.perception.models.operators import check_operators
from device.perception.tflite import Network, Tensor

_MAX_GOLDEN_STEPS = 3
"""Quantization steps by which the kernels of another processor may differ. A wrong network differs by dozens."""


def ramp(tensor: Tensor) -> npt.NDArray[np.int8]:
    """The golden input: a fixed pattern over the whole int8 range, shaped as `tensor`."""
    steps = np.arange(int(np.prod(tensor.shape)), dtype=np.int64)
    return ((steps * steps // 7 + 11 * steps) % 255 - 127).astype(np.int8).reshape(tensor.shape)


class Model:
    """A checked network with its card."""

    def __init__(self, source: str | ModelBundle, folder: Path = MODELS) -> None:
        """`source`: a model already read, or its name in `folder`. Raises ModelError, naming the file and the fault."""
        bundle = source if isinstance(source, ModelBundle) else read_bundle(source, folder)
        self.card = parse_card(bundle)
        try:
            self._check(bundle)
        except ModelError as error:
            raise bundle.error(str(error)) from error

    def _check(self, bundle: ModelBundle) -> None:
        path = bundle.path
        found = hashlib.sha256(bundle.network).hexdigest()
        if found != self.card.sha256:
            raise ModelError(
                f"{path}: is not the file that its card describes (sha256 {found[:12]}…, the card says "
                f"{self.card.sha256[:12]}…); one of the two is damaged or from another version"
            )
        check_operators(bundle.network, path)
        self.network = Network(bundle.network, path)
        self._check_shapes(path)
        try:
            golden = self.network.run_raw(ramp(self.network.inputs[0]))[0].ravel().astype(np.int64)
        except (ValueError, RuntimeError, MemoryError) as error:
            raise ModelError(f"{path}: cannot be run on the golden input ({error})") from error
        steps = int(np.abs(golden - np.array(self.card.golden.output)).max())
        if steps > _MAX_GOLDEN_STEPS:
            raise ModelError(
                f"{path}: the output for the golden input is off by {steps} steps: "
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
                raise ModelError(f"{path}: {tensor.name} has no scale of its own; it was not quantized correctly")
        if card.labels[: len(EMOTIONS)] != tuple(e.value for e in EMOTIONS) or len(card.f1) != len(EMOTIONS):
            raise ModelError(f"{path}: its card's labels must begin with {', '.join(EMOTIONS)}")
        if len(card.neutral_prior) not in (0, len(EMOTIONS)):
            raise ModelError(f"{path}: its card's resting has {len(card.neutral_prior)} numbers, not {len(EMOTIONS)}")
