"""What the bench counts and times for each network, and the cells of its grid."""

import sys
from pathlib import Path

import numpy as np
import pytest

from device.bench import grid, networks
from device.bench.mac_count import count_macs
from device.bench.peak import build_convolution, peak_macs_per_s
from device.errors import ModelError
from device.perception.load import load_perception
from device.perception.models.card import MODELS
from device.perception.tflite import Network
from device.settings.schema import Settings

# --- networks


def test_the_work_of_a_convolution_is_counted_and_run() -> None:
    content = build_convolution(8, 16, 3)
    work = count_macs(content, "it")
    assert work.macs == work.int8_macs == 8 * 8 * 16 * 16 * 9
    network = Network(content, "it")
    assert network.inputs[0].shape == network.outputs[0].shape == (1, 8, 8, 16)
    assert network.outputs[0].dtype == np.int8
    assert peak_macs_per_s(0.0) > 1e8


def test_our_networks_are_counted() -> None:
    face = count_macs((MODELS / "face.tflite").read_bytes(), "face")
    assert 1e6 < face.macs < 1e9
    assert face.int8_macs == face.macs
    detector = count_macs((MODELS / "face_detection_short_range.tflite").read_bytes(), "detector")
    assert detector.macs > 1e7  # BlazeFace's paper says 30 million
    assert detector.int8_macs == 0


@pytest.mark.parametrize("content", [b"", b"TFL3", b"\0" * 64, b"\xff" * 64, bytes(range(200))])
def test_a_file_that_is_not_a_network_is_refused(content: bytes) -> None:
    with pytest.raises(ModelError, match=r"odd\.tflite"):
        count_macs(content, "odd.tflite")


def test_a_broken_network_raises_only_a_model_error() -> None:
    complete = build_convolution(4, 8, 1)
    rng = np.random.default_rng(0)
    for _ in range(300):
        broken = bytearray(complete[: int(rng.integers(8, len(complete)))])
        for position in rng.integers(0, len(broken), 6):
            broken[position] = int(rng.integers(0, 256))
        try:
            assert count_macs(bytes(broken), "broken").macs >= 0
        except ModelError:
            continue


def test_each_network_has_a_row(tmp_path: Path) -> None:
    (tmp_path / "one.tflite").write_bytes(build_convolution(8, 32, 3))
    result = networks.measure(0.0, tmp_path, max_threads=2)
    (row,) = result["each"]
    assert row["file"] == "one.tflite"
    assert row["weights"] == "int8"
    assert 0 < row["of_int8_peak"] < 2
    assert set(row["p50_ms_by_threads"]) == {"1", "2"}


def test_without_flatbuffers_there_is_no_peak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """tflite-runtime brings neither flatbuffers nor the schema. The networks are measured all the same."""
    (tmp_path / "one.tflite").write_bytes(build_convolution(8, 32, 3))
    for module in ("flatbuffers", "ai_edge_litert.schema_py_generated"):
        monkeypatch.setitem(sys.modules, module, None)
    result = networks.measure(0.0, tmp_path, max_threads=1)
    assert result["int8_peak_gmacs"] is None
    (row,) = result["each"]
    assert row["of_int8_peak"] is None
    assert row["mmacs"] == round(8 * 8 * 32 * 32 * 9 / 1e6, 3)


def test_a_network_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "gone.tflite").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ModelError, match=r"gone\.tflite"):
        networks.measure(0.0, tmp_path)


# --- the grid


def test_the_grid_has_few_cells_unless_all_are_requested() -> None:
    few = grid.list_cells(full=False, cores=4)
    assert {faces for faces, size, _ in few if size == grid.DEFAULT_SIZE} == {1, 2, 4, 8}
    assert {size for _, size, _ in few} == set(grid.SIZES)
    assert {threads for *_, threads in few} == {1}
    full = grid.list_cells(full=True, cores=4)
    assert len(full) == 4 * 4 * 3
    assert set(few) <= set(full)
    assert {threads for *_, threads in grid.list_cells(full=True, cores=1)} == {1}


def test_networks_loaded_in_the_block_get_their_threads() -> None:
    before = Network.__init__.__defaults__
    with grid.use_threads(2):
        assert Network.__init__.__defaults__ == (2,)
        load_perception(Settings())
    assert Network.__init__.__defaults__ == before


def test_the_ratio_of_eight_faces_to_one() -> None:
    rows = [
        {"faces": faces, "width_px": 640, "height_px": 480, "threads": threads, "cpu_ms": faces * threads * 1.0}
        for faces in (1, 8)
        for threads in (1, 2)
    ]
    assert grid.compute_face_ratio(rows) == 8.0
    assert grid.compute_face_ratio(rows[:1]) is None
