"""A teacher of faces that starts from a published network in TensorFlow.js's layout."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from device.errors import ModelError
from tests.convert.waits import train_where_little_is_there

pytestmark = pytest.mark.convert
torch: Any = pytest.importorskip("torch", reason="the training environment: make test-convert")
WIDTHS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
HALVED = (1, 3, 5, 11)


@pytest.fixture(scope="module")
def weights() -> dict[str, NDArray[np.float32]]:
    """Untrained weights of a MobileNet, named and folded as the export does: height, width, channels."""
    chance, previous = np.random.default_rng(5), 32
    named = {"age_pred/kernel": chance.normal(size=(1024, 100))}  # not used
    named["conv1/convolution/merged_input"] = chance.normal(size=(3, 3, 3, 32)) * 0.01
    named["conv1_bn/batchnorm_1/sub"] = chance.normal(size=32)
    for number, width in enumerate(WIDTHS, start=1):
        named[f"conv_dw_{number}/depthwise_kernel"] = chance.normal(size=(3, 3, previous, 1)) * 0.4
        named[f"conv_dw_{number}_bn/batchnorm_1/mul"] = chance.uniform(0.5, 1.5, previous)
        named[f"conv_dw_{number}_bn/batchnorm_1/sub"] = chance.normal(size=previous) * 0.3 + 0.2
        named[f"conv_pw_{number}/convolution/merged_input"] = chance.normal(size=(1, 1, previous, width)) * (
            1.6 / np.sqrt(previous)
        )
        named[f"conv_pw_{number}_bn/batchnorm_1/sub"] = chance.normal(size=width) * 0.3 + 0.2
        previous = width
    return {name: value.astype(np.float16).astype(np.float32) for name, value in named.items()}


def written(weights: dict[str, NDArray[np.float32]], folder: Path) -> Path:
    """As the exporter writes them: float32 as float16, concatenated; one of them as bytes with a scale."""
    manifest, stored = [], b""
    for name, value in weights.items():
        entry: dict[str, Any] = {"name": name, "shape": list(value.shape), "dtype": "float32"}
        if name == "conv_pw_1_bn/batchnorm_1/sub":
            scale, least = float(np.ptp(value)) / 255, float(value.min())
            entry["quantization"] = {"dtype": "uint8", "scale": scale, "min": least, "original_dtype": "float32"}
            stored += np.round((value - least) / scale).astype(np.uint8).tobytes()
        elif name.startswith("conv1"):
            stored += value.tobytes()
        else:
            entry["quantization"] = {"dtype": "float16", "original_dtype": "float32"}
            stored += value.astype(np.float16).tobytes()
        manifest.append(entry)
    graph = folder / "faceres.json"
    graph.write_text(json.dumps({"weightsManifest": [{"paths": ["faceres.bin"], "weights": manifest}]}))
    (folder / "faceres.bin").write_bytes(stored)
    return graph


def what_it_gave(weights: dict[str, NDArray[np.float32]], features: Any) -> Any:
    """(n, 3, s, s) -> (n, 1024): a second implementation of the folded network, with TensorFlow's padding."""
    functional = torch.nn.functional
    of = {name: torch.from_numpy(value) for name, value in weights.items()}

    def padded(x: Any, stride: int) -> Any:
        return functional.pad(x, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))  # "SAME" padding of an even side

    def rectified(x: Any, bias: Any) -> Any:
        return (x + bias[None, :, None, None]).clamp(0, 6)

    kernel = of["conv1/convolution/merged_input"].permute(3, 2, 0, 1)
    x = rectified(functional.conv2d(padded(features, 2), kernel, stride=2), of["conv1_bn/batchnorm_1/sub"])
    for number in range(1, len(WIDTHS) + 1):
        stride = 2 if number - 1 in HALVED else 1
        kernel = of[f"conv_dw_{number}/depthwise_kernel"].permute(2, 3, 0, 1)
        x = functional.conv2d(padded(x, stride), kernel, stride=stride, groups=x.shape[1])
        x = x * of[f"conv_dw_{number}_bn/batchnorm_1/mul"][None, :, None, None]
        x = rectified(x, of[f"conv_dw_{number}_bn/batchnorm_1/sub"])
        kernel = of[f"conv_pw_{number}/convolution/merged_input"].permute(3, 2, 0, 1)
        x = rectified(functional.conv2d(x, kernel), of[f"conv_pw_{number}_bn/batchnorm_1/sub"])
    return x.mean(dim=(2, 3))


def test_it_starts_with_the_features_of_the_published_network(
    weights: dict[str, NDArray[np.float32]], tmp_path: Path
) -> None:
    from convert.face.pretrained import load_mobilenet
    from convert.networks.mobile_face import MobileFace

    network = MobileFace()
    faces = torch.randn(24, 1, 48, 48, generator=torch.Generator().manual_seed(2))
    load_mobilenet(network, written(weights, tmp_path), faces)
    with torch.inference_mode():
        features = network.eval().body(network._enlarge(faces))
        large = torch.nn.functional.interpolate(faces, size=(96, 96), mode="bilinear", align_corners=False)
        wanted = what_it_gave(weights, 60 * large.expand(-1, 3, -1, -1))
    assert float(wanted.std()) > 0.1, "or there is nothing to see"
    np.testing.assert_allclose(features.numpy(), wanted.numpy(), atol=0.03)
    # In training mode the result is the same: the normalizations have the statistics of these inputs.
    with torch.inference_mode():
        again = network.train().body[:-1](network._enlarge(faces))
    np.testing.assert_allclose(again.numpy(), wanted.numpy(), atol=0.2)


def test_a_file_that_is_not_such_a_network_is_refused(weights: dict[str, NDArray[np.float32]], tmp_path: Path) -> None:
    from convert.face.pretrained import load_mobilenet
    from convert.networks.mobile_face import MobileFace

    faces = torch.zeros(2, 1, 48, 48)

    def refused(graph: Path) -> str:
        with pytest.raises(ModelError) as refusal:
            load_mobilenet(MobileFace(), graph, faces)
        return str(refusal.value)

    graph = written(weights, tmp_path)
    stored = (tmp_path / "faceres.bin").read_bytes()
    (tmp_path / "faceres.bin").write_bytes(stored[:-7])
    assert "faceres.json: not a TensorFlow.js network, or incomplete" in refused(graph)
    (tmp_path / "faceres.bin").write_bytes(stored + b"more")
    assert "more" not in refused(graph)
    assert f"its weights have {len(stored) + 4} bytes, but it describes {len(stored)}" in refused(graph)
    (tmp_path / "faceres.bin").unlink()
    assert "faceres.bin: cannot be read (No such file or directory)" in refused(graph)
    wide = {**weights, "conv_pw_3/convolution/merged_input": np.zeros((1, 1, 128, 64), np.float32)}
    assert "its layers do not fit MobileFace; name faceres.json" in refused(written(wide, tmp_path))
    other = {name: value for name, value in weights.items() if not name.startswith("conv_dw_13/")}
    assert "not a MobileNet for faces: it lacks 'conv_dw_13/depthwise_kernel'" in refused(written(other, tmp_path))
    graph.write_text("{}")
    assert "not a TensorFlow.js network" in refused(graph)
    graph.write_text("not json")
    assert "not a TensorFlow.js network" in refused(graph)
    assert "none.json: cannot be read" in refused(tmp_path / "none.json")


@pytest.mark.timeout(600)
def test_it_trains_resumes_and_teaches(weights: dict[str, NDArray[np.float32]], corpora: Path, tmp_path: Path) -> None:
    graph = written(weights, tmp_path)
    few = ("--data", str(corpora), "--rows", "40", "--batch", "20", "--epochs", "1")
    begun = train_where_little_is_there("face-teacher-pretrained", *few, "--start", str(graph), where=tmp_path)
    assert begun.returncode == 0, begun.stdout + begun.stderr
    record = json.loads((tmp_path / "runs" / "face-teacher-pretrained" / "run.json").read_text())
    assert len(record["plan"]["start"]) == 64
    teacher = ("--teachers", "runs/face-teacher-pretrained")
    student = train_where_little_is_there("face", *few, *teacher, where=tmp_path)
    assert student.returncode == 0, student.stdout + student.stderr
    assert "1/1 drawings done by 1 networks" in student.stdout
    # It is refused as the start of another network.
    other = train_where_little_is_there("face", *few, "--start", str(graph), "--out", "runs/other", where=tmp_path)
    assert other.returncode == 1
    assert "faceres.json: only face-teacher-pretrained can start from a .json" in other.stderr
    from_teacher = ("--start", "runs/face-teacher-pretrained", "--out", "runs/third")
    third = train_where_little_is_there("face", *few, *from_teacher, where=tmp_path)
    assert third.returncode == 1
    assert "face-teacher-pretrained: its layers do not fit MienFace" in third.stderr
    assert "Traceback" not in third.stderr
