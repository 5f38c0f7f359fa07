"""A trained PyTorch network -> a full-integer .tflite: int8 in and out, weights per channel."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import litert_torch
import torch
from ai_edge_quantizer import quantizer, recipe
from ai_edge_quantizer.calibrator import Calibrator
from ai_edge_quantizer.recipe_manager import RecipeManager
from ai_edge_quantizer.utils import qsv_utils
from torch import Tensor, nn

from convert.networks.face import MienFace
from device.emotions import Floats


class _ChannelsLast(nn.Module):
    """Accepts the device's (1, h, w, c), where the network expects (1, c, h, w). Rows (1, k) stay as they are."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        return self.network(x.permute(0, 3, 1, 2) if x.ndim == 4 else x)


class BothHeads(nn.Module):
    """A face network whose graph outputs FER2013's logits first and FER+'s second, from one body."""

    def __init__(self, network: MienFace) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 1, 48, 48) -> logits (n, 7) and (n, 8)."""
        return self.network.both(x)


def export_float(network: nn.Module, input_shape: tuple[int, ...], path: str) -> None:
    """Write `network` (in evaluation mode) for inputs of (1, h, w, c) or (1, k) to `path`."""
    litert_torch.convert(_ChannelsLast(network).eval(), (torch.zeros(input_shape),)).export(path)


def quantize_int8(float_path: str, calibration: Iterable[Floats]) -> bytes:
    """Quantize a float .tflite to int8; `calibration` holds inputs of the network's shape.

    Ranges are the smallest and largest value. The quantizer's default, a moving average, drops the rare large
    activations and clips them: its mean error is five to ten times larger.
    """
    rules = recipe.static_wi8_ai8()
    work = quantizer.Quantizer(float_path, rules)
    calibrator = Calibrator(float_path, qsv_update_func=qsv_utils.min_max_update)
    signature, names = next(iter(calibrator.get_signature_list().items()))
    manager = RecipeManager()
    manager.load_quantization_recipe(rules)
    calibrator.calibrate({signature: [{names["inputs"][0]: sample} for sample in calibration]}, manager)
    result = work.quantize(calibrator.get_model_qsvs(), enable_progress_report=False)
    return bytes(result.quantized_model)


def export_int8(network: nn.Module, shape: tuple[int, ...], calibration: Iterable[Floats]) -> tuple[bytes, bytes]:
    """(int8 network, float network) of a trained `network`; arguments as in the two functions above."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "float.tflite"
        export_float(network, shape, str(path))
        return quantize_int8(str(path), calibration), path.read_bytes()
