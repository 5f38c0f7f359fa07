"""`python -m convert compare` on small corpora: training, skipping by name, resuming, tables and plots."""

import itertools
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from convert.evaluation.predictions import Predictions, load_predictions
from device.emotions import EMOTIONS, Emotion
from device.errors import ModelError, SettingsError
from device.sense.simulator.poses import PROSODIES
from device.sense.simulator.voice import speak
from tests.convert import builders as made_corpora

pytestmark = pytest.mark.convert
torch = pytest.importorskip("torch", reason="the training environment: make test-convert")
pytest.importorskip("sklearn", reason="the training environment: make test-convert")
pytest.importorskip("matplotlib", reason="the training environment: make test-convert")

from convert.reproduce import EXPERIMENTS, audiovisual, compare, report, splits  # noqa: E402
from convert.reproduce.experiment import Workspace  # noqa: E402
from convert.reproduce.networks_e import EIGHT  # noqa: E402

ROWS = 35


@pytest.fixture(scope="module")
def finished(corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three experiments of three seeds, trained once for all tests of this file."""
    runs = tmp_path_factory.mktemp("compare")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(runs)
        compare(corpora, runs, ["b-mfcc", "c-face", "a-face", "a-voice", "d-video"], rows=ROWS, predictions=runs)
    return runs


def test_the_table_matches_the_saved_predictions(finished: Path) -> None:
    page = (finished / "page" / "README.md").read_text()
    for name in ("b-mfcc", "c-face", "a-face"):
        output = load_predictions(finished / name / "test.npz")
        right = 100 * (output.prediction == output.truth).mean()
        line = next(line for line in page.splitlines() if line.startswith((f"| {name} |", f"| **{name}**")))
        assert f"| {right:.1f} ±" in line
        assert len(json.loads((finished / name / "result.json").read_text())["log"]) == 2
    assert "1,207,047" in page  # C's parameters
    assert "its own training rows" in page
    assert "21.56 %" in page
    assert page.count("not measured yet") == len(report.TASKS)


def test_an_experiment_that_cannot_be_trained_is_skipped_by_name(finished: Path) -> None:
    page = (finished / "page" / "README.md").read_text().splitlines()
    video, voice, other = (next(x for x in page if x.startswith(f"| {n} |")) for n in ("d-video", "a-voice", "b-cnn"))
    assert "not trained" in video
    assert "CREMA-D video" in video
    assert "TESS: no clips in" in voice
    assert "not selected" in other


def test_the_best_is_selected_by_validation_alone(finished: Path) -> None:
    results = {name: json.loads((finished / name / "result.json").read_text()) for name in ("c-face", "a-face")}
    best = max(results, key=lambda name: float(results[name]["validation_accuracy"]))
    chosen = [x for x in (finished / "page" / "README.md").read_text().splitlines() if x.startswith(f"| **{best}**")]
    assert len(chosen) == 1


def test_the_plots_are_drawn_and_small(finished: Path) -> None:
    for name in ("curves", "confusions-a", "confusions-b", "confusions-c"):
        path = finished / "page" / f"{name}.png"
        assert path.stat().st_size < 150_000
        picture = cv2.imread(str(path))
        assert picture is not None
        assert picture.std() > 5
    assert not (finished / "page" / "confusions-d.png").exists()
    counts = (finished / "page" / "confusions.md").read_text().split("## ")[1:]
    assert [text.split()[0] for text in counts] == ["b-mfcc", "a-face", "c-face"]


def test_a_finished_experiment_is_not_trained_again(
    finished: Path, corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished)
    before = {name: (finished / name / "result.json").stat().st_mtime_ns for name in ("b-mfcc", "c-face")}
    (finished / "a-face" / "result.json").unlink()  # as an interrupted run leaves it
    page = compare(corpora, finished, ["a-face", "b-mfcc"], rows=ROWS, page=tmp_path, predictions=tmp_path).read_text()
    assert {name: (finished / name / "result.json").stat().st_mtime_ns for name in before} == before
    assert (finished / "a-face" / "result.json").exists()
    assert next(x for x in page.splitlines() if x.startswith(("| a-face |", "| **a-face**"))).count("not trained") == 0


def test_miens_own_line_uses_the_same_rows(finished: Path, corpora: Path, tmp_path: Path) -> None:
    theirs = load_predictions(finished / "c-face" / "test.npz")
    right = theirs.truth.copy()
    wrong = np.where(np.arange(len(right)) < 7, (right + 1) % 7, right)
    logits = np.eye(7, dtype=np.float32)[wrong]
    more = Predictions(
        theirs.classes,
        np.concatenate([logits[:28], logits[:5]]),
        np.concatenate([right[:28], right[:5]]),
        np.array([*theirs.names[:28], *("another",) * 5]),
        np.full(33, ""),
        np.full(33, "fer2013"),
    )
    [(name,)] = report.OWN["fer2013"]
    more.save(tmp_path / f"{name}.npz")
    page = compare(corpora, finished, minutes=0, rows=ROWS, page=tmp_path / "page", predictions=tmp_path).read_text()
    line = next(x for x in page.splitlines() if x.startswith("| *Mien*"))
    assert "| 75.0 ±" in line
    assert f"28 of the {ROWS} rows; {name}.npz" in line
    assert page.count("not measured yet") == len(report.TASKS) - 1


def test_other_rows_are_another_run(finished: Path, corpora: Path, tmp_path: Path) -> None:
    page = compare(
        corpora, finished, ["b-mfcc"], rows=ROWS + 1, minutes=0, page=tmp_path, predictions=tmp_path
    ).read_text()
    line = next(x for x in page.splitlines() if x.startswith("| b-mfcc |"))
    assert "not started within 0 minutes" in line


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no experiment 'z-face'; there are .*a-face"):
        compare(tmp_path, tmp_path, ["z-face"])


def test_every_experiment_has_a_task_and_comes_after_what_it_needs() -> None:
    names = [experiment.name for experiment in EXPERIMENTS]
    assert len(set(names)) == len(names)
    assert {experiment.task for experiment in EXPERIMENTS} == set(report.TASKS)
    assert {experiment.seed for experiment in EXPERIMENTS} == set("ABCDE")
    for first, then in (
        ("d-face-5", "d-face-7"),
        ("e-embedding", "e-vggish-mlp-speech"),
        ("e-embedding", "e-vggish-classical-both"),
        ("e-visual", "e-concatenated"),
        ("a-face", "e-late"),
        ("e-lstm-speech", "e-late"),
        ("a-face", "e-concatenated-mended"),
    ):
        assert names.index(first) < names.index(then)


# Small RAVDESS, TESS and CREMA-D


@pytest.fixture(scope="module")
def ravdess(corpora: Path) -> Path:
    """A small RAVDESS speech of three actors beside the small FER2013: eight emotions, two takes each."""
    rows, spoken = [], {}
    for actor, emotion, take in itertools.product((1, 2, 3), range(8), (1, 2)):
        name = f"03-01-{emotion + 1:02d}-01-01-{take:02d}-{actor:02d}"
        label = EIGHT[emotion]
        prosody = PROSODIES[Emotion("neutral" if label == "calm" else label)]
        spoken[name] = speak(prosody, 2.0, 100 * actor + 10 * emotion + take)
        rows.append([name, "ravdess_speech", f"RAV{actor:02d}", "M", label, "", 1, take, 2.0, 48_000, 1, 1.0])
    columns = "name corpus speaker sex emotion intensity statement take duration orig_sr orig_channels orig_peak"
    made_corpora._write(corpora / "speech", "ravdess_speech", columns.split(), rows, spoken)
    return corpora


def test_es_fusions_of_voice_and_face(ravdess: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cheap = ("e-lstm-speech", "a-face", "e-late", "e-visual", "e-joint", "d-sound")
    compare(ravdess, tmp_path, cheap, rows=8)
    for name in cheap:
        assert (tmp_path / name / "result.json").exists(), name
    voices, both = (
        load_predictions(tmp_path / "e-lstm-speech" / "test.npz"),
        load_predictions(tmp_path / "e-late" / "test.npz"),
    )
    assert both.classes == EIGHT
    np.testing.assert_array_equal(voices.truth, both.truth)
    assert all(pair.startswith(f"{name}+PrivateTest-") for pair, name in zip(both.names, voices.names, strict=True))
    weight = float(json.loads((tmp_path / "e-late" / "result.json").read_text())["said"].split()[4])
    voice = torch.log_softmax(torch.from_numpy(voices.logits), 1).numpy()
    if weight == 0:
        np.testing.assert_allclose(both.logits, voice, atol=0.01)
    else:
        # The face adds the same to calm and neutral, which FER2013 does not distinguish.
        added = both.logits - voice
        np.testing.assert_allclose(added[:, 0], added[:, 1], atol=0.02)
        assert added.std() > 0


def test_an_experiment_names_the_one_it_needs(ravdess: Path, tmp_path: Path) -> None:
    bench = Workspace(splits.Corpora(ravdess, 8), tmp_path)
    experiment = next(r for r in EXPERIMENTS if r.name == "e-vggish-mlp-speech")
    with pytest.raises(ModelError, match="run the experiment e-embedding first"):
        experiment.run(bench)


def test_every_voice_gets_a_face_of_its_emotion(ravdess: Path, tmp_path: Path) -> None:
    bench = Workspace(splits.Corpora(ravdess), tmp_path)
    thirds = bench.corpora.ravdess("speech")
    faces = audiovisual._faces_for(bench, thirds)
    labels = bench.corpora.faces.validation().labels
    assert len(faces[1]) > 5
    for name, clip, eight in zip(faces[1].names, thirds[1], faces[1].labels, strict=True):
        assert labels[int(str(name).rsplit("-", 1)[1])] == clip.emotion
        assert EIGHT[int(eight)] in {EMOTIONS[clip.emotion], "calm"}
