"""Getting to know how voices usually sound here."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from device.emotions import Emotion
from device.perception.audio.prosody import prosody
from device.perception.models.model import Model
from device.perception.voice.classifier import VoiceReader
from device.perception.voice.novelty import NoveltyDetector
from device.perception.voice.speaker_baseline import (
    MAX_WEIGHT,
    PRIOR,
    SpeakerBaseline,
    SpeakerStats,
    speaker_stats_file,
)
from device.readings import SoundWindow
from device.sense.simulator.poses import PROSODIES
from device.sense.simulator.voice import speak

K = 6
CENTRE, SPREAD = (1.0,) * K, (2.0,) * K


def people(mean: float, spread: float, count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, spread, (count, K)).astype(np.float32)


def test_at_first_voices_in_general_are_the_baseline() -> None:
    away = SpeakerBaseline(CENTRE, SPREAD).deviations(np.full(K, 5.0, np.float32))
    assert away.shape == (1, K)
    np.testing.assert_allclose(away, 2.0)
    far = SpeakerBaseline(CENTRE, SPREAD).deviations(np.full(K, 1e6, np.float32))
    np.testing.assert_allclose(far, 4.0)


def test_a_voice_that_is_always_high_is_no_longer_high_once_it_is_known() -> None:
    baseline = SpeakerBaseline(CENTRE, SPREAD)
    usual = np.full(K, 4.0, np.float32)
    before = float(baseline.deviations(usual).mean())
    shares = [before]
    for numbers in people(4.0, 0.5, 100):
        baseline.learn(numbers)
        shares.append(float(baseline.deviations(usual).mean()))
    assert before == 1.5
    assert shares[int(PRIOR)] < 0.8 * before
    assert abs(shares[-1]) < 0.25
    # And what is unusual for this voice is seen more clearly than for voices in general.
    excited = np.full(K, 5.0, np.float32)
    assert baseline.deviations(excited).mean() - shares[-1] > 2.0 / 2.0 * 0.5


def test_windows_that_overlap_count_as_one_utterance() -> None:
    once, often = SpeakerBaseline(CENTRE, SPREAD), SpeakerBaseline(CENTRE, SPREAD)
    numbers = people(4.0, 0.5, 1)[0]
    once.learn(numbers)
    for _ in range(6):
        often.learn(numbers, 1 / 6)
    np.testing.assert_allclose(once.deviations(numbers), often.deviations(numbers), atol=1e-5)


def test_another_household_moves_in_and_the_old_one_fades() -> None:
    baseline = SpeakerBaseline(CENTRE, SPREAD)
    for numbers in [*people(6.0, 0.5, 600), *people(0.0, 0.5, 900, seed=1)]:
        baseline.learn(numbers)
    assert abs(float(baseline.deviations(np.zeros(K, np.float32)).mean())) < 0.3
    assert baseline.stats.weight == MAX_WEIGHT


def test_a_baseline_is_stored_and_a_damaged_one_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "state" / "voices.json"
    assert speaker_stats_file(path).load(None) is None
    baseline = SpeakerBaseline(CENTRE, SPREAD)
    for numbers in people(3.0, 1.0, 30):
        baseline.learn(numbers)
    speaker_stats_file(path).save(baseline.stats)
    assert path.stat().st_mode & 0o777 == 0o600
    again = SpeakerBaseline(CENTRE, SPREAD, speaker_stats_file(path).load(None))
    probe = people(3.0, 1.0, 1, seed=5)[0]
    np.testing.assert_allclose(again.deviations(probe), baseline.deviations(probe), atol=1e-5)
    for nonsense in (b"", b"{", b'{"weight": -1, "mean": [], "square": []}', b"\xff"):
        path.write_bytes(nonsense)
        assert speaker_stats_file(path).load(None) is None


@pytest.mark.parametrize(
    "heard",
    [
        SpeakerStats(50, (9.0,) * 3, (99.0,) * 3, SpeakerBaseline(CENTRE, SPREAD).stats.network),
        SpeakerStats(50, (9.0,) * K, (99.0,) * K),
        SpeakerStats(50, (9.0,) * K, (99.0,) * K, SpeakerBaseline(CENTRE, CENTRE).stats.network),
    ],
    ids=["other numbers", "of an older Mien", "of another network"],
)
def test_the_stats_of_another_network_are_not_used(heard: SpeakerStats, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    other = SpeakerBaseline(CENTRE, SPREAD, heard)
    np.testing.assert_allclose(other.deviations(np.full(K, 5.0, np.float32)), 2.0)
    assert "learned again" in caplog.text
    assert other.stats.weight == 0


def test_the_reader_learns_only_on_request_and_stores_and_forgets(tmp_path: Path) -> None:
    kept = tmp_path / "voices.json"
    window = SoundWindow(speak(PROSODIES[Emotion.HAPPY], 3.0), 3.0)
    reader = VoiceReader(Model("voice"), Model("prosody"), stats=kept)
    first = reader.read(window)
    assert first is not None
    again = reader.read(window)
    assert again is not None
    np.testing.assert_array_equal(first.probabilities, again.probabilities)
    for _ in range(20):
        reader.read(window, learn=1.0)
    later = reader.read(window)
    assert later is not None
    assert np.abs(later.probabilities - first.probabilities).max() > 0.01
    assert later.probabilities.sum() == pytest.approx(1, abs=1e-4)
    reader.save()
    other = VoiceReader(Model("voice"), Model("prosody"), stats=kept).read(window)
    assert other is not None
    np.testing.assert_allclose(other.probabilities, later.probabilities, atol=1e-4)
    reader.forget_speakers()
    heard = speaker_stats_file(kept).load(None)
    assert heard is not None
    assert heard.weight == 0
    fresh = reader.read(window)
    assert fresh is not None
    np.testing.assert_array_equal(fresh.probabilities, first.probabilities)


def test_a_disk_that_refuses_is_logged_and_reading_continues(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    reader = VoiceReader(Model("voice"), Model("prosody"), stats=tmp_path / "file" / "voices.json")
    reader.save()
    assert "cannot be stored" in caplog.text
    VoiceReader(Model("voice")).save()
    VoiceReader(Model("voice")).forget_speakers()


def test_a_low_power_does_not_change_the_probability_of_a_voice() -> None:
    window = SoundWindow(speak(PROSODIES[Emotion.ANGRY], 3.0), 3.0)
    readings = []
    for power in (1.0, 0.2):
        models = Model("voice"), Model("prosody")
        for model in models:
            model.card = msgspec.structs.replace(model.card, power=power, power_adapted=None, power_far=None)
        readings.append(VoiceReader(*models).read(window))
    sure, modest = readings
    assert sure is not None
    assert modest is not None
    assert modest.probabilities.max() < 0.8 * sure.probabilities.max()
    assert modest.speech_share == pytest.approx(sure.speech_share)


def test_with_an_adapted_baseline_the_cards_adapted_powers_count() -> None:
    # The two networks hear it differently.
    window = SoundWindow(speak(PROSODIES[Emotion.HAPPY], 3.0), 3.0)
    alone = VoiceReader(Model("voice")).read(window)
    assert alone is not None

    def away(power_adapted: float | None, utterances: int) -> float:
        """How far the reading is from the picture's alone, whose own power stays 1."""
        models = Model("voice"), Model("prosody")
        for model, known in zip(models, (None, power_adapted), strict=True):
            model.card = msgspec.structs.replace(model.card, power=1.0, power_adapted=known, power_far=None)
        reader = VoiceReader(*models)
        for _ in range(utterances):
            reader.read(window, learn=1.0)
        reading = reader.read(window)
        assert reading is not None
        return float(np.abs(reading.probabilities - alone.probabilities).max())

    assert away(0.01, 0) == away(None, 0) > 0.02, "to a stranger that power is nothing"
    for many in (10, 60):
        assert away(0.01, many) < 0.6 * away(None, many)
    assert away(0.01, 300) < 0.05


def _far_reader(half_at: float, kept: Path | None = None) -> VoiceReader:
    """One to whom all that is farther away than `half_at` is strange, and who then believes no network."""
    models = Model("voice"), Model("prosody")
    for model in models:
        card = model.card
        learnt = msgspec.structs.replace(card.training, half_at=half_at, width=0.01) if card.training else None
        model.card = msgspec.structs.replace(
            card, training=learnt, power=1.0, power_adapted=1.0, power_far=0.01, power_adapted_far=0.01
        )
    return VoiceReader(*models, stats=kept)


def test_a_voice_unlike_the_training_data_is_read_cautiously() -> None:
    window = SoundWindow(speak(PROSODIES[Emotion.ANGRY], 3.0), 3.0)
    near, far = (_far_reader(half_at).read(window) for half_at in (50.0, 0.1))
    assert near is not None
    assert far is not None
    assert near.probabilities.max() > 0.5
    assert far.probabilities.max() < 0.2, "nearly even"
    assert far.speech_share == pytest.approx(near.speech_share), "and is as surely a voice"


def test_a_common_voice_is_near_and_a_made_up_one_is_far() -> None:
    card = Model("prosody").card
    assert card.training is not None
    voices = NoveltyDetector(card.training, card.centre, card.spread)
    # The most usual voice there is, those of the stand-in, and one of these in loud noise.
    usual = float(voices.distance(np.array(card.centre, np.float32)))
    made = [prosody(speak(PROSODIES[emotion], 3.0)) for emotion in (Emotion.HAPPY, Emotion.SAD)]
    hiss = np.random.default_rng(1).normal(0, 0.1, 48_000).astype(np.float32)
    drowned = float(voices.distance(prosody(speak(PROSODIES[Emotion.HAPPY], 3.0) + hiss)))
    happy, sad = voices.distance(np.stack(made)).tolist()
    assert usual < 0.5 < card.training.half_at < happy < drowned
    assert voices.likeness(usual) > 0.99
    assert voices.likeness(card.training.half_at) == pytest.approx(0.5)
    assert max(voices.likeness(happy), voices.likeness(sad), voices.likeness(1e6)) < 0.01


def test_the_distance_of_the_voices_here_counts_more_and_more_and_is_stored(tmp_path: Path) -> None:
    baseline = SpeakerBaseline(CENTRE, SPREAD)
    one = people(1.0, 1.0, 1)[0]
    assert baseline.distance(1.0) == 1.0, "nobody was heard: it speaks for itself"
    for _ in range(60):
        baseline.learn(one, distance=2.0)
    assert 1.9 < baseline.distance(1.0) < 2.0
    path = tmp_path / "voices.json"
    speaker_stats_file(path).save(baseline.stats)
    again = SpeakerBaseline(CENTRE, SPREAD, speaker_stats_file(path).load(None))
    assert again.distance(1.0) == pytest.approx(baseline.distance(1.0))
    # What was kept before distances were is taken over, and the next utterance stands for those.
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(baseline.stats, distance=None)))
    older = SpeakerBaseline(CENTRE, SPREAD, speaker_stats_file(path).load(None))
    assert older.stats.weight == baseline.stats.weight
    assert older.distance(1.0) == 1.0
    older.learn(one, distance=1.5)
    assert 1.4 < older.distance(1.0) < 1.5


def test_a_single_strange_utterance_of_a_familiar_household_is_believed() -> None:
    window = SoundWindow(speak(PROSODIES[Emotion.ANGRY], 3.0), 3.0)
    reader = _far_reader(1.0)
    assert reader._baseline is not None
    strange = reader.read(window)
    for _ in range(60):
        reader._baseline.learn(np.array(Model("prosody").card.centre, np.float32), distance=0.5)
    believed = reader.read(window)
    assert strange is not None
    assert believed is not None
    assert strange.probabilities.max() < 0.2
    assert believed.probabilities.max() > 0.3
