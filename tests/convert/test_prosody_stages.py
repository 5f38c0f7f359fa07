"""Getting to know speakers in training is what the device does."""

import numpy as np
import pytest

from convert.corpora.speech import Clip
from device.sense.sound.prosody import PROSODY
from device.sense.voice_baseline import VoiceBaseline

pytestmark = pytest.mark.convert
pytest.importorskip("torch", reason="the training environment: make test-convert")


def test_each_stage_is_what_the_devices_baseline_knows_after_so_many_utterances() -> None:
    from convert.voices.stages import HEARD, KNOWN, stages_of

    rng = np.random.default_rng(4)
    clips = [Clip(f"{s}{i}", "made", s, "F", 0, np.zeros(1, np.int16)) for s in ("a", "b") for i in range(30)]
    numbers = rng.normal(0, 1, (60, 3, PROSODY)).astype(np.float32)
    numbers[30:] += 2  # b is another sort of voice
    trains = np.ones(60, bool)
    stages = stages_of(numbers, clips, trains)
    first = np.zeros(60, int)
    everyone = np.arange(60)
    stranger = stages.at(everyone, first, first, first)
    np.testing.assert_allclose(stranger[:30].mean(), -stranger[30:].mean(), atol=0.1)
    known = stages.at(everyone, first, first + KNOWN, first)
    assert abs(float(known[30:].mean())) < 0.3 * float(stranger[30:].mean())

    baseline = VoiceBaseline(tuple(stages.centre.tolist()), tuple(stages.spread.tolist()))
    for i in range(30):
        baseline.learn(numbers[i, 0])
    for i in range(30):
        np.testing.assert_allclose(baseline.deviations(numbers[i, 0])[0], known[i], atol=1e-2)
    assert HEARD[0] == 0
    assert len(set(HEARD)) == len(HEARD)
