"""A household's neutral: recorded, applied within bounds, kept, and survived when its file is broken."""

from pathlib import Path

import numpy as np
import pytest

from device.emotions import EMOTIONS, Emotion, Floats
from device.perception.mood.baseline import MAX_CORRECTION, MIN_READINGS, BaselineRecorder, correction
from device.readings import Baseline, Face, FaceReading, SenseBaseline, VoiceReading
from device.system.state_file import StateFile

USUAL = (0.08, 0.01, 0.09, 0.03, 0.19, 0.01, 0.59)
HANGING = (0.2, 0.01, 0.09, 0.03, 0.4, 0.01, 0.26)
"""A household whose resting faces read as sad."""
FACE = Face((0.0, 0.0, 80.0, 80.0), 0.9, np.zeros((6, 2), np.float32))
SAD, NEUTRAL = EMOTIONS.index(Emotion.SAD), EMOTIONS.index(Emotion.NEUTRAL)


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def row(*shares: float) -> Floats:
    return np.array(shares, np.float32)


def seen(shares: Floats, quality: float = 1.0) -> FaceReading:
    return FaceReading(FACE, shares, quality, 0.0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def baseline(tmp_path: Path, clock: Clock) -> BaselineRecorder:
    return BaselineRecorder(tmp_path / "neutral.json", USUAL, USUAL, clock)


def record(baseline: BaselineRecorder, clock: Clock, shares: Floats, looks: int = 50, quality: float = 1.0) -> None:
    baseline.record(60)
    for _ in range(looks):
        baseline.correct_face(seen(shares, quality))
    clock.now_s += 61
    baseline.tick()


def test_a_neutral_face_that_looks_sad_reads_as_neutral_after_a_recording(
    baseline: BaselineRecorder, clock: Clock
) -> None:
    before = baseline.correct_face(seen(row(*HANGING))).probabilities
    assert before.argmax() == SAD
    record(baseline, clock, row(*HANGING))
    after = baseline.correct_face(seen(row(*HANGING))).probabilities
    assert after.argmax() == NEUTRAL
    assert after.sum() == pytest.approx(1, abs=1e-5)


def test_a_face_sadder_than_its_baseline_still_reads_as_sad(baseline: BaselineRecorder, clock: Clock) -> None:
    record(baseline, clock, row(*HANGING))
    assert baseline.correct_face(seen(row(0.05, 0.01, 0.04, 0.0, 0.8, 0.0, 0.1))).probabilities.argmax() == SAD


def test_without_a_recording_and_for_a_common_neutral_nothing_changes(baseline: BaselineRecorder, clock: Clock) -> None:
    shares = row(0.1, 0.1, 0.1, 0.4, 0.1, 0.1, 0.1)
    np.testing.assert_array_equal(baseline.correct_face(seen(shares)).probabilities, shares)
    record(baseline, clock, row(*USUAL))
    np.testing.assert_allclose(baseline.correct_face(seen(shares)).probabilities, shares, atol=1e-3)


def test_each_sense_has_its_own(baseline: BaselineRecorder, clock: Clock) -> None:
    record(baseline, clock, row(*HANGING))
    assert baseline.neutral
    assert baseline.neutral.voice is None
    heard = VoiceReading(row(*HANGING), 1.0, 0.0)
    np.testing.assert_array_equal(baseline.correct_voice(heard).probabilities, heard.probabilities)
    baseline.record(60)
    for _ in range(MIN_READINGS):
        baseline.correct_voice(heard)
    clock.now_s += 61
    baseline.tick()
    assert baseline.neutral.voice
    assert baseline.neutral.face, "what was recorded of faces stays when only voices were there"
    assert baseline.correct_voice(heard).probabilities.argmax() == NEUTRAL


@pytest.mark.parametrize(("looks", "quality"), [(0, 1.0), (MIN_READINGS - 1, 1.0), (500, 0.1)])
def test_too_few_or_too_blurred_readings_are_not_recorded(
    baseline: BaselineRecorder, clock: Clock, looks: int, quality: float
) -> None:
    record(baseline, clock, row(*USUAL))
    held = baseline.neutral
    record(baseline, clock, row(*HANGING), looks, quality)
    assert baseline.neutral == held
    assert "nothing was recorded" in baseline.recording.message


def test_a_network_that_is_less_sure_here_is_not_corrected_to_neutral(baseline: BaselineRecorder, clock: Clock) -> None:
    flat = row(*USUAL) ** 0.3
    record(baseline, clock, flat / flat.sum())
    happy = row(0.14, 0.1, 0.14, 0.22, 0.15, 0.1, 0.15)
    after = baseline.correct_face(seen(happy)).probabilities
    assert after.argmax() == EMOTIONS.index(Emotion.HAPPY)
    np.testing.assert_allclose(after, happy, atol=0.03)


def test_no_baseline_changes_an_emotion_by_more_than_four_times() -> None:
    sulking = (0.001, 0.001, 0.001, 0.001, 0.99, 0.001, 0.005)
    assert np.abs(correction(USUAL, sulking)).max() == pytest.approx(MAX_CORRECTION)


def test_the_baseline_is_stored_and_cleared(tmp_path: Path, baseline: BaselineRecorder, clock: Clock) -> None:
    record(baseline, clock, row(*HANGING))
    again = BaselineRecorder(tmp_path / "neutral.json", USUAL, USUAL, clock)
    assert again.neutral == baseline.neutral
    assert again.correct_face(seen(row(*HANGING))).probabilities.argmax() == NEUTRAL
    again.clear()
    assert again.correct_face(seen(row(*HANGING))).probabilities.argmax() == SAD
    assert BaselineRecorder(tmp_path / "neutral.json", USUAL, USUAL, clock).neutral is None


@pytest.mark.parametrize("content", [b"", b'{"recorded_utc_s": 1, "face": {"readings": 1, "shares": [2]}}', b"[]"])
def test_a_damaged_file_is_reported_and_nothing_is_corrected(
    tmp_path: Path, clock: Clock, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "neutral.json"
    path.write_bytes(content)
    assert BaselineRecorder(path, USUAL, USUAL, clock).neutral is None
    assert "record the neutral again" in caplog.text


def test_a_disk_that_refuses_is_reported_and_the_baseline_is_used(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "file").write_text("in the way")
    baseline = BaselineRecorder(tmp_path / "file" / "neutral.json", USUAL, USUAL, clock)
    record(baseline, clock, row(*HANGING))
    assert "cannot be stored" in baseline.recording.message
    assert baseline.correct_face(seen(row(*HANGING))).probabilities.argmax() == NEUTRAL


def test_the_stored_baseline_is_a_few_numbers_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "neutral.json"
    kept = Baseline(1e9, SenseBaseline(300, HANGING), None)
    StateFile(path, Baseline, "").save(kept)
    assert StateFile(path, Baseline, "").load(None) == kept
    assert path.stat().st_size < 300
    assert path.stat().st_mode & 0o077 == 0
