"""Adaptation to speakers in training matches the device's."""

import numpy as np
import pytest

from convert.datasets.speech.clips import Clip
from device.perception.audio.prosody import PROSODY
from device.perception.voice.speaker_baseline import SpeakerBaseline

pytestmark = pytest.mark.convert
pytest.importorskip("torch", reason="the training environment: make test-convert")


def test_each_stage_matches_the_devices_baseline_after_as_many_utterances() -> None:
    from convert.voice.adaptation_stages import LAST_STAGE, STAGES, build_stages

    rng = np.random.default_rng(4)
    clips = [Clip(f"{s}{i}", "made", s, "F", 0, np.zeros(1, np.int16)) for s in ("a", "b") for i in range(30)]
    numbers = rng.normal(0, 1, (60, 3, PROSODY)).astype(np.float32)
    numbers[30:] += 2  # b has a different voice
    trains = np.ones(60, bool)
    stages = build_stages(numbers, clips, trains)
    first = np.zeros(60, int)
    everyone = np.arange(60)
    new_speaker = stages.deviations_at(everyone, first, first, first)
    np.testing.assert_allclose(new_speaker[:30].mean(), -new_speaker[30:].mean(), atol=0.1)
    known = stages.deviations_at(everyone, first, first + LAST_STAGE, first)
    assert abs(float(known[30:].mean())) < 0.3 * float(new_speaker[30:].mean())

    baseline = SpeakerBaseline(tuple(stages.centre.tolist()), tuple(stages.spread.tolist()))
    for i in range(30):
        baseline.learn(numbers[i, 0])
    for i in range(30):
        np.testing.assert_allclose(baseline.deviations(numbers[i, 0])[0], known[i], atol=1e-2)
    assert STAGES[0] == 0
    assert len(set(STAGES)) == len(STAGES)


def test_the_order_of_a_corpus_does_not_change_the_baseline() -> None:
    from convert.voice.adaptation_stages import build_stages
    from convert.voice.benchmark import compute_deviations
    from convert.voice.prosody_task import Material

    rng = np.random.default_rng(7)
    clips = [Clip(f"{i}", "made", "a", "F", 0, np.zeros(1, np.int16)) for i in range(900)]
    numbers = rng.normal(0, 1, (900, 3, PROSODY)).astype(np.float32)
    numbers[450:] += 2  # sorted by emotion: the second half is excited
    stages = build_stages(numbers, clips, np.ones(900, bool))
    clips_heard = Material(clips, stages, np.zeros(900, np.int64), np.ones(900, bool), None)
    calm, excited = (
        np.concatenate(compute_deviations(clips_heard, list(range(900)), known=True))[half].mean()
        for half in (slice(450), slice(450, 900))
    )
    # A baseline fades: after the excited clips it would take them for normal.
    assert -calm == pytest.approx(excited, abs=0.15)
    assert excited > 0.5
