"""The report counts what was kept, says whose answers are missing, and is the one that is committed."""

from pathlib import Path

import numpy as np
import pytest

from convert import report
from convert.evaluate import as_published, face_answers, private_test, shipped
from convert.metrics import accuracy
from convert.predictions import Predictions, load
from convert.voice_protocols import OWN_CLASSES
from device.emotions import EMOTIONS
from device.errors import MediaError

DATA = Path(__file__).parents[3] / "shared" / "data"
SEVEN = tuple(e.value for e in EMOTIONS)


def keep(folder: Path, name: str, classes: tuple[str, ...], groups: list[str], right: float) -> None:
    """Answers of eight clips a group, of which the share `right` is right, class by class."""
    rng = np.random.default_rng(len(name))
    count = 8 * len(classes) * len(groups)
    truth = np.arange(count) % len(classes)
    read = np.where(rng.random(count) < right, truth, (truth + 1) % len(classes))
    logits = 4 * np.eye(len(classes), dtype=np.float32)[read] + rng.normal(0, 0.1, (count, len(classes)))
    names = np.array([str(i) for i in range(count)])
    who = np.array([groups[i % len(groups)] for i in range(count)])
    corpora = np.full(count, name)
    Predictions(classes, logits.astype(np.float32), truth, names, who, corpora).save(folder / f"{name}.npz")


def test_the_protocols_tables_count_the_kept_answers(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="ravdess_speech"):
        report.protocols(tmp_path)
    for k in range(1, 7):
        people = [f"RAV{4 * k - 3 + i:02d} {'MF'[i % 2]}" for i in range(4)]
        for kind in ("", "-float"):
            keep(tmp_path, f"voice-fold-{k}-ravdess_speech{kind}", OWN_CLASSES, people, 1.0)
            keep(tmp_path, f"voice-fold-{k}-ravdess_song{kind}", OWN_CLASSES, people, 0.5)
    for k, (man, woman) in enumerate((("DC", "OAF"), ("JE", "YAF")), 1):
        keep(tmp_path, f"voice-fold-{k}-savee", SEVEN, [f"SAVEE_{man} M"], 0.5)
        keep(tmp_path, f"voice-fold-{k}-tess", SEVEN, [f"TESS_{woman} F"], 0.0)
    for corpus, left_out in (("savee", "savee"), ("tess", "tess"), ("ravdess_speech", "ravdess")):
        keep(tmp_path, f"voice-without-{left_out}-{corpus}", SEVEN, ["x F"], 0.5)
        keep(tmp_path, f"voice-random-{corpus}", SEVEN, ["x F"], 0.5)
    keep(tmp_path, "voice-random-ravdess_song", SEVEN, ["x F"], 0.5)
    page = report.protocols(tmp_path)
    lines = {line.split("|")[1].strip(): line.split("|")[2].strip() for line in page.splitlines() if "|" in line}
    assert lines["RAVDESS speech, 8 classes, 6 folds of 4, UAR (over speakers)"] == "100.0 (100.0–100.0)"
    assert lines["… mean of the six folds ± their deviation"] == "100.0 ± 0.0"
    assert lines["… by sex"] == "women 100.0, men 100.0"
    assert lines["TESS, 7 classes, the other woman, UAR"].startswith("0.0")
    assert lines["… each woman"] == "OAF 0.0, YAF 0.0"
    assert 30 < float(lines["SAVEE, 7 classes, one speaker out, UAR (over rows: four men)"].split()[0]) < 70


@pytest.mark.data
@pytest.mark.timeout(300)
@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here: FER2013 is needed")
def test_the_committed_report_says_what_the_committed_networks_do() -> None:
    page = report.PAGE.read_text() if report.PAGE.exists() else ""
    faces = private_test(DATA)
    seven, eight = face_answers(shipped("face").network, faces)
    published, _ = face_answers(as_published(), faces)
    for value in (seven, eight, published):
        assert f"{accuracy(value.read, value.truth):.1f} (" in page
    exact = load(report.ANSWERS / "face-float.npz")
    assert abs(accuracy(exact.read, exact.truth) - accuracy(seven.read, seven.truth)) <= 0.5
