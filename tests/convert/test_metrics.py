"""The metrics are correct, on predictions small enough to count by hand and on generated ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convert.evaluation.metrics import (
    accuracy,
    accuracy_on_surest,
    calibration_error,
    calibration_floor,
    confusion,
    estimate,
    f1,
    fit_temperature,
    fit_unknown_below,
    recall,
)
from convert.evaluation.predictions import Predictions, concatenate, load_predictions
from convert.voice.ensemble_weights import cross_fit
from convert.voice.saved_predictions import load_voice_predictions
from device.emotions import Floats, softmax
from device.errors import MediaError


def answers(logits: Floats, truth: list[int], groups: list[str] | None = None) -> Predictions:
    n = len(truth)
    return Predictions(
        tuple("abcdefg"[: logits.shape[1]]),
        logits.astype(np.float32),
        np.array(truth),
        np.array([f"clip{i}" for i in range(n)]),
        np.array(groups or ["x"] * n),
        np.array(["made"] * n),
    )


def made(rng: np.random.Generator, rows: int, sharpness: float) -> tuple[Floats, "np.ndarray"]:
    """Logits of a perfectly calibrated network, times `sharpness`."""
    logits = rng.normal(0, 1.5, (rows, 7)).astype(np.float32)
    chances = softmax(logits).cumsum(axis=1)
    truth = (rng.random((rows, 1)) * chances[:, -1:] > chances).sum(axis=1)
    return logits * sharpness, truth


def test_recall_counts_each_class_alike_and_accuracy_each_row() -> None:
    read, truth = np.array([0, 0, 0, 1]), np.array([0, 0, 0, 2])
    assert accuracy(read, truth) == 75
    assert recall(read, truth) == 50
    np.testing.assert_array_equal(confusion(read, truth, 3), [[3, 0, 0], [0, 0, 0], [0, 1, 0]])
    assert f1(np.array([0, 0, 1]), np.array([0, 1, 1]), 2) == pytest.approx([2 / 3, 2 / 3])


def test_a_calibrated_network_has_no_more_error_than_the_floor_and_the_temperature_finds_it() -> None:
    logits, truth = made(np.random.default_rng(0), 20_000, 2.0)
    assert calibration_error(softmax(logits), truth) > 10
    temperature = fit_temperature(logits, truth)
    assert temperature == pytest.approx(2.0, rel=0.05)
    assert calibration_error(softmax(logits, temperature), truth) < 1.5
    few, few_truth = made(np.random.default_rng(1), 400, 1.0)
    floor = calibration_floor(softmax(few))
    assert 2 < floor < 8
    assert calibration_error(softmax(few), few_truth) < 2 * floor


def test_high_confidence_is_right_more_often_and_unknown_below_holds() -> None:
    logits, truth = made(np.random.default_rng(2), 5_000, 1.0)
    chances = softmax(logits)
    everything = accuracy(chances.argmax(axis=1), truth)
    assert accuracy_on_surest(chances, truth, 1.0) == pytest.approx(everything)
    assert accuracy_on_surest(chances, truth, 0.5) > everything + 5
    least = fit_unknown_below(chances, truth, min_accuracy=0.7, min_share=0.1)
    given = chances.max(axis=1) >= least
    assert accuracy(chances.argmax(axis=1)[given], truth[given]) == pytest.approx(70, abs=1)
    # When three in four cannot be reached, half of the rows are still admitted.
    hopeless = fit_unknown_below(chances, np.roll(truth, 1), min_accuracy=0.99, min_share=0.5)
    assert (chances.max(axis=1) >= hopeless).mean() == pytest.approx(0.5, abs=0.01)


def test_an_interval_over_speakers_is_wider_than_one_over_rows() -> None:
    # Each of eight speakers is always right or always wrong: 400 rows are worth eight.
    truth = [0] * 400
    logits = np.zeros((400, 2), np.float32)
    logits[:200, 0], logits[200:, 1] = 1, 1
    p = answers(logits, truth, [f"speaker{i // 50}" for i in range(400)])
    rows, speakers = estimate(accuracy, p), estimate(accuracy, p, by_group=True)
    assert rows.value == speakers.value == 50
    assert rows.low < 50 < rows.high
    assert speakers.high - speakers.low > 4 * (rows.high - rows.low)


def test_predictions_are_saved_completely_and_folds_are_joined(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    parts = [answers(rng.normal(size=(5, 3)).astype(np.float32), [0, 1, 2, 0, 1], [f"s{k}"] * 5) for k in range(2)]
    for number, part in enumerate(parts, 1):
        part.save(tmp_path / f"voice-fold-{number}-made.npz")
    again = load_predictions(tmp_path / "voice-fold-1-made.npz")
    assert again.classes == ("a", "b", "c")
    np.testing.assert_array_equal(again.prediction, parts[0].prediction)
    np.testing.assert_array_equal(again.names, parts[0].names)
    found = load_voice_predictions(tmp_path, "voice-fold", "prosody-fold", "made", lambda first, _: first)
    assert found.picture is not None
    np.testing.assert_array_equal(found.picture.truth, concatenate(parts).truth)
    assert set(found.picture.groups.tolist()) == {"s0", "s1"}
    assert (found.known, found.both_known) == (None, None), "nobody asked the other network"
    with pytest.raises(MediaError, match="no such predictions"):
        load_predictions(tmp_path / "nothing.npz")


def test_each_part_is_combined_with_exponents_of_the_others() -> None:
    """The first network is right about `a` and the second about `b`."""
    rng = np.random.default_rng(4)
    truth = rng.integers(3, size=400)
    right, wrong = 4 * np.eye(3)[truth], 4 * np.eye(3)[(truth + 1) % 3]
    speaker = np.array(["a", "b"] * 200)
    noise = rng.normal(size=(2, 400, 3))
    first, second = (
        answers(np.where((speaker == known)[:, None], right, wrong) + noise[k], truth.tolist(), speaker.tolist())
        for k, known in enumerate("ab")
    )
    joined = cross_fit(first, second, speaker)
    assert accuracy(joined.prediction, joined.truth) < 10, "whoever suits the one is wrong about the other"
    whole = cross_fit(first, second, np.array(["x", "x", "y", "y"] * 100))
    assert accuracy(whole.prediction, whole.truth) > accuracy(joined.prediction, joined.truth) + 20
    # The labels of the tested rows do not change their predictions.
    told_wrongly = replace(first, truth=np.where(speaker == "a", (first.truth + 1) % 3, first.truth))
    np.testing.assert_array_equal(
        cross_fit(told_wrongly, second, speaker).logits[speaker == "a"], joined.logits[speaker == "a"]
    )
