"""What the bench counts and times of each network, and the cells of its grid."""

import sys
from pathlib import Path

import numpy as np
import pytest

from device.bench import grid, networks
from device.bench.mac_count import count_macs
from device.bench.peak import convolution, peak_macs_per_s
from device.errors import ModelError
from device.perception.load import load_perception
from device.perception.models.card import MODELS
from device.perception.tflite import Network
from device.settings.schema import Settings

# --- networks


def test_the_work_of_a_convolution_is_counted_and_run() -> None:
    content = convolution(8, 16, 3)
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
def test_what_is_no_network_is_said_so(content: bytes) -> None:
    with pytest.raises(ModelError, match=r"odd\.tflite"):
        count_macs(content, "odd.tflite")


def test_a_broken_network_never_makes_more_than_a_model_error() -> None:
    whole_one = convolution(4, 8, 1)
    rng = np.random.default_rng(0)
    for _ in range(300):
        broken = bytearray(whole_one[: int(rng.integers(8, len(whole_one)))])
        for at in rng.integers(0, len(broken), 6):
            broken[at] = int(rng.integers(0, 256))
        try:
            assert count_macs(bytes(broken), "broken").macs >= 0
        except ModelError:
            continue


def test_each_network_has_its_row(tmp_path: Path) -> None:
    (tmp_path / "one.tflite").write_bytes(convolution(8, 32, 3))
    told = networks.measure(0.0, tmp_path, most_threads=2)
    (row,) = told["each"]
    assert row["file"] == "one.tflite"
    assert row["weights"] == "int8"
    assert 0 < row["of_int8_peak"] < 2
    assert set(row["p50_ms_by_threads"]) == {"1", "2"}


def test_without_flatbuffers_there_is_no_peak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one.tflite").write_bytes(convolution(8, 32, 3))
    monkeypatch.setitem(sys.modules, "flatbuffers", None)
    told = networks.measure(0.0, tmp_path, most_threads=1)
    assert told["int8_peak_gmacs"] is None
    assert told["each"][0]["of_int8_peak"] is None


def test_a_network_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "gone.tflite").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ModelError, match=r"gone\.tflite"):
        networks.measure(0.0, tmp_path)


# --- the grid


def test_the_cells_are_few_unless_all_are_wanted() -> None:
    usual = grid.cells(full=False, cores=4)
    assert {faces for faces, size, _ in usual if size == grid.USUAL} == {1, 2, 4, 8}
    assert {size for _, size, _ in usual} == set(grid.SIZES)
    assert {threads for *_, threads in usual} == {1}
    full = grid.cells(full=True, cores=4)
    assert len(full) == 4 * 4 * 3
    assert set(usual) <= set(full)
    assert {threads for *_, threads in grid.cells(full=True, cores=1)} == {1}


def test_networks_get_their_threads_for_the_while() -> None:
    before = Network.__init__.__defaults__
    with grid.networks_on(2):
        assert Network.__init__.__defaults__ == (2,)
        load_perception(Settings())
    assert Network.__init__.__defaults__ == before


def test_eight_faces_are_held_against_one() -> None:
    rows = [
        {"faces": faces, "width_px": 640, "height_px": 480, "threads": threads, "cpu_ms": faces * threads * 1.0}
        for faces in (1, 8)
        for threads in (1, 2)
    ]
    assert grid.eight_against_one(rows) == 8.0
    assert grid.eight_against_one(rows[:1]) is None
