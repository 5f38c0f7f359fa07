"""The experiments' input from a video: sequences of faces, and the experiment that trains on them."""

from pathlib import Path

import av
import numpy as np
import pytest

from convert.datasets.speech.cremad import read_videos
from convert.evaluation.predictions import load_predictions
from device.errors import MediaError
from device.readings import Face

pytestmark = pytest.mark.convert
pytest.importorskip("torch", reason="the training environment: make test-convert")
pytest.importorskip("sklearn", reason="the training environment: make test-convert")
pytest.importorskip("matplotlib", reason="the training environment: make test-convert")

from convert.reproduce import compare, videos  # noqa: E402

# D's video


class EveryFrame:
    """A detector that sees one face in the middle of every bright frame."""

    def find(self, pixels: np.ndarray) -> list[Face]:
        if pixels.mean() < 60:
            return []
        points = np.array([[60, 55], [100, 55], [80, 75], [80, 95], [40, 60], [120, 60]], np.float32)
        return [Face((40.0, 30.0, 80.0, 80.0), 0.9, points)]


def film(path: Path, levels: list[int]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="flv") as container:
        stream = container.add_stream("flv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for level in levels:
            picture = np.full((120, 160, 3), level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def test_crema_ds_videos_become_sequences_of_faces(tmp_path: Path) -> None:
    film(tmp_path / "VideoFlash" / "1001_DFA_ANG_XX.flv", [0] * 4 + [128] * 21)
    film(tmp_path / "VideoFlash" / "1002_IEO_SAD_HI.flv", [200] * 6)
    rows = videos.make_sequences(read_videos(tmp_path, part=True), EveryFrame())
    assert rows.inputs[0].shape == (3 + 1, 10, 1, 48, 48)  # 21 faces: from 0, 5 and 10; six, padded
    assert rows.labels.tolist() == [0, 0, 0, 5]
    assert len(set(rows.groups)) == 2
    assert rows.inputs[0][3].float().mean() == pytest.approx(200, abs=6)


def test_a_truncated_video_gives_the_faces_before_the_damage(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = film(tmp_path / "1001_DFA_ANG_XX.flv", [int(level) for level in rng.integers(100, 250, 60)])
    [video] = read_videos(tmp_path, part=True)
    whole = len(videos.crop_faces(video, EveryFrame()))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert whole == 60
    assert 10 < len(videos.crop_faces(video, EveryFrame())) < 50


def test_videos_without_a_face_are_an_error(tmp_path: Path) -> None:
    film(tmp_path / "1001_DFA_ANG_XX.flv", [0] * 5)
    with pytest.raises(MediaError, match="no face found in 1 videos"):
        videos.make_sequences(read_videos(tmp_path, part=True), EveryFrame())


def test_ds_video_experiment_runs_with_crema_d(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(videos, "BlazeFace", EveryFrame)
    for actor, (code, level) in enumerate([("ANG", 80), ("SAD", 200)] * 5):
        film(tmp_path / videos.FOLDER / "VideoFlash" / f"{1001 + actor}_DFA_{code}_XX.flv", [level] * 12)
    page = compare(tmp_path, tmp_path / "runs", ["d-video"], rows=10).read_text()
    assert "**d-video** (best on validation)" in page
    output = load_predictions(tmp_path / "runs" / "d-video" / "test.npz")
    assert set(output.truth.tolist()) <= {0, 5}
    assert len(output.truth) == 2
