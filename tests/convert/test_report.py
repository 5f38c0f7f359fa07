"""The report matches the saved predictions, names missing ones, and is the committed one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convert.evaluation.metrics import accuracy, calibration_error
from convert.evaluation.predictions import SAVED_PREDICTIONS, Predictions, concatenate, load_predictions
from convert.evaluation.shipped import (
    FERPLUS_WEIGHT,
    load_fer2013_only,
    load_published_face,
    load_shipped,
    predict_faces,
    read_private_test,
)
from convert.report import ferplus_weight
from convert.report import page as report
from convert.report import voice as report_protocols
from convert.voice.ensemble_weights import Exponents, NearFar, fit_pair, multiply
from convert.voice.novelty import WIDTH, Distances, load_distances
from convert.voice.protocols import OWN_CLASSES
from device.emotions import EMOTIONS, softmax
from device.errors import MediaError
from device.perception.voice.novelty import likeness

DATA = Path(__file__).parents[3] / "shared" / "data"
SEVEN = tuple(e.value for e in EMOTIONS)


def keep(folder: Path, name: str, classes: tuple[str, ...], groups: list[str], right: float, sure: float = 4) -> None:
    """Predictions of eight clips per group, with a share `right` correct in each class."""
    rng = np.random.default_rng(len(name))
    count = 8 * len(classes) * len(groups)
    truth = np.arange(count) % len(classes)
    read = np.where(rng.random(count) < right, truth, (truth + 1) % len(classes))
    logits = sure * np.eye(len(classes), dtype=np.float32)[read] + rng.normal(0, 0.1, (count, len(classes)))
    names = np.array([str(i) for i in range(count)])
    who = np.array([groups[i % len(groups)] for i in range(count)])
    corpora = np.full(count, "one")
    Predictions(classes, logits.astype(np.float32), truth, names, who, corpora).save(folder / f"{name}.npz")
    if name.startswith("voice-"):
        # The farther away, the lower the accuracy.
        by_itself = (1.0 + 0.4 * (read != truth)).astype(np.float32)
        here = np.full(count, by_itself.mean(), np.float32)
        Distances(by_itself, here, names, corpora).save(folder / f"distance-{name.removeprefix('voice-')}.npz")


def _wrong(answers: Path, stage: str) -> str:
    """The calibration error of the pair on RAVDESS's speech, for new (`-stranger`) or known speakers."""
    picture = load_predictions(answers / "voice-without-ravdess-ravdess_speech.npz")
    prosody = load_predictions(answers / f"prosody-without-ravdess-ravdess_speech{stage}.npz")
    powers = fit_pair(answers, Exponents(1.0, 1.0), without="ravdess")
    distance = load_distances(answers / "distance-without-ravdess-ravdess_speech.npz").select(picture, known=not stage)
    own = powers.new if stage else powers.known
    p = multiply(picture, prosody, own, Exponents(1.0, 1.0), likeness(distance, powers.half_at, WIDTH))
    return f"{calibration_error(softmax(p.logits), p.truth):.1f}"


def test_the_tables_of_the_protocols_match_the_saved_predictions(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="ravdess_speech"):
        report_protocols.protocols(tmp_path, Exponents(1.0, 1.0))
    for name in ("voice-validation", "prosody-validation", "prosody-validation-stranger"):
        keep(tmp_path, name, SEVEN, ["x F"], 0.5)
    for k in range(1, 7):
        people = [f"RAV{4 * k - 3 + i:02d} {'MF'[i % 2]}" for i in range(4)]
        for kind in ("", "-float"):
            keep(tmp_path, f"voice-fold-{k}-ravdess_speech{kind}", OWN_CLASSES, people, 0.5)
            keep(tmp_path, f"voice-fold-{k}-ravdess_song{kind}", OWN_CLASSES, people, 0.5)
            for corpus in ("ravdess_speech", "ravdess_song"):
                keep(tmp_path, f"prosody-fold-{k}-{corpus}-stranger{kind}", OWN_CLASSES, people, 0.5)
                keep(tmp_path, f"prosody-fold-{k}-{corpus}{kind}", OWN_CLASSES, people, 1.0, sure=12)
    for k, (man, woman) in enumerate((("DC", "OAF"), ("JE", "YAF")), 1):
        keep(tmp_path, f"voice-fold-{k}-savee", SEVEN, [f"SAVEE_{man} M"], 0.5)
        keep(tmp_path, f"voice-fold-{k}-tess", SEVEN, [f"TESS_{woman} F"], 0.0)
        keep(tmp_path, f"words-savee-{man}-savee", SEVEN, [f"SAVEE_{man} M"], 1.0, sure=12)
        for stage in ("", "-stranger"):
            keep(tmp_path, f"prosody-savee-{man}-savee{stage}", SEVEN, [f"SAVEE_{man} M"], 0.5)
            keep(tmp_path, f"prosody-tess-{woman}-tess{stage}", SEVEN, [f"TESS_{woman} F"], 0.0)
    for corpus in ("savee", "tess", "ravdess_speech", "ravdess_song"):
        short = corpus.split("_", maxsplit=1)[0]
        if corpus != "tess":
            keep(tmp_path, f"voice-without-{short}-{corpus}", SEVEN, ["x F"], 0.5)
        keep(tmp_path, f"voice-random-{corpus}", SEVEN, ["x F"], 0.5)
        for stage in ("", "-stranger"):
            keep(tmp_path, f"prosody-without-{short}-{corpus}{stage}", SEVEN, ["x F"], 0.5)
            keep(tmp_path, f"prosody-taught-without-{short}-{corpus}{stage}", SEVEN, ["x F"], 1.0, sure=12)
            keep(tmp_path, f"prosody-random-{short}-{corpus}{stage}", SEVEN, ["x F"], 0.5)
    with pytest.raises(MediaError, match=r"words-random\* for savee"):
        report_protocols.protocols(tmp_path, Exponents(1.0, 1.0))
    keep(tmp_path, "words-random-savee-savee", SEVEN, ["x F"], 0.5)
    page = report_protocols.protocols(tmp_path, Exponents(1.0, 1.0))
    lines = {
        cells[1].strip(): [c.strip() for c in cells[2:-1]]
        for line in page.splitlines()
        if (cells := line.split("|"))[1:]
    }
    picture, new_cells, _, prosody, both = lines["RAVDESS speech, 8 classes, 6 folds of 4, UAR"]
    assert float(picture.split()[0]) < 70
    assert float(new_cells.split()[0]) < 70
    assert prosody == both == "100.0 (100.0–100.0)", "the network with the higher confidence decides"
    assert lines["mean of the six folds ± standard deviation"] == ["100.0 ± 0.0"]
    assert lines["by sex"] == ["women 100.0, men 100.0"]
    # The last corpus left out: the calibration error of the shipped pair's exponents on RAVDESS.
    assert lines["… its expected calibration error"] == [
        "–",
        "–",
        _wrong(tmp_path, "-stranger"),
        "–",
        _wrong(tmp_path, ""),
    ]
    assert lines["TESS, 7 classes, the other woman, UAR"][-1].startswith("0.0")
    assert lines["TESS, each woman, known speakers"] == ["OAF 0.0, YAF 0.0"]
    assert lines["TESS, UAR; trained on the others"][0] == "–", "that network was not run"
    alone, networks, joined = lines["one speaker out, UAR"]
    assert alone == joined == "100.0 (100.0–100.0)", "the words decide"
    assert float(networks.split()[0]) < 70
    assert lines["… RAVDESS speech, distilled"][3:] == ["100.0 (100.0–100.0)"] * 2
    assert lines["RAVDESS speech, UAR; trained on the others"][3] != lines["… RAVDESS speech, distilled"][3]
    assert 30 < float(lines["SAVEE, 7 classes, one speaker out, UAR"][0].split()[0]) < 70


def test_two_networks_predictions_are_matched_by_clip_in_any_order(tmp_path: Path) -> None:
    keep(tmp_path, "a", SEVEN, ["x F"], 1.0)
    one = load_predictions(tmp_path / "a.npz")
    late = np.arange(len(one.truth)) > 9
    turned = concatenate([one.select(late), one.select(~late)])
    as_they_are, near = Exponents(1.0, 1.0), np.ones(len(one.truth), np.float32)
    alike = NearFar(as_they_are, Exponents(0.1, 0.1))
    combined = multiply(one, turned, alike, as_they_are, near)
    assert (combined.prediction == one.prediction).all()
    far = multiply(one, turned, alike, as_they_are, 0 * near)
    np.testing.assert_allclose(far.logits, 0.1 * combined.logits, rtol=1e-5)
    with pytest.raises(MediaError, match="only one of the two networks has a prediction for it"):
        multiply(one, turned.select(late), alike, as_they_are, near)
    with pytest.raises(MediaError, match="benchmark both"):
        multiply(one, replace(turned, classes=OWN_CLASSES), alike, as_they_are, near)


def test_a_clip_whose_distance_was_not_measured_is_named(tmp_path: Path) -> None:
    keep(tmp_path, "voice-a", SEVEN, ["x F"], 1.0)
    one, distances = load_predictions(tmp_path / "voice-a.npz"), load_distances(tmp_path / "distance-a.npz")
    turned = concatenate([one.select(np.arange(len(one.truth)) == k) for k in (4, 2)])
    np.testing.assert_array_equal(distances.select(turned, known=False), distances.new[[4, 2]])
    with pytest.raises(MediaError, match=r"'one', 'new'.*python -m convert distances"):
        distances.select(replace(one, names=np.full(len(one.truth), "new")), known=True)


def test_a_higher_ferplus_weight_agrees_more_with_ten_people() -> None:
    seven = np.array([[0, 0, 0, 1.0, 0, 0, 0.9]], np.float32)  # happy, and nearly neutral
    eight = np.array([[0.5, 0, 0, 0, 0, 0, 0, 9.0]], np.float32)  # of the seven, neutral; contempt is ignored
    says = {say: int(ferplus_weight.reweight(seven, eight, say).argmax()) for say in ferplus_weight.WEIGHTS}
    assert EMOTIONS[says[FERPLUS_WEIGHT]] == "happy", "the shipped answer has its say already"
    assert EMOTIONS[says[2.0]] == "neutral"
    np.testing.assert_allclose(ferplus_weight.reweight(seven, eight, 0.0)[0, 6], 0.9 - 0.5 * FERPLUS_WEIGHT)


@pytest.mark.data
@pytest.mark.timeout(300)
@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here: FER2013 is needed")
def test_the_committed_report_matches_the_committed_networks() -> None:
    page = report.PAGE.read_text() if report.PAGE.exists() else ""
    faces = read_private_test(DATA)
    seven, eight = predict_faces(load_shipped("face").network, faces)
    published, _ = predict_faces(load_published_face(), faces)
    for value in (seven, eight, published):
        assert f"{accuracy(value.prediction, value.truth):.1f} (" in page
    clean = read_private_test(DATA, without_copies=True)
    advised = ferplus_weight.section(load_fer2013_only(), {"PrivateTest, 3,301": clean})
    assert set(advised.splitlines()[-len(ferplus_weight.WEIGHTS) :]) < set(page.splitlines())
    exact = load_predictions(SAVED_PREDICTIONS / "face-float.npz")
    assert abs(accuracy(exact.prediction, exact.truth) - accuracy(seven.prediction, seven.truth)) <= 0.5
