"""Two senses, one distribution."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st

from device.emotions import EMOTIONS, Emotion, Floats, softmax, top, uniform
from device.perception.mood.fusion import Fusion
from device.perception.mood.smoothing import MoodSmoother
from device.readings import FaceReading, VoiceReading
from device.settings.schema import MoodSettings
from tests.builders import face_at


def _mostly(emotion: Emotion, much: float = 0.9) -> Floats:
    rest = (1 - much) / 6
    return np.array([much if e is emotion else rest for e in EMOTIONS], np.float32)


def _saw(emotion: Emotion, time_s: float = 0.0, quality: float = 1.0, track: int = 1, much: float = 0.9) -> FaceReading:
    face = face_at(0, 0, 100)
    return FaceReading(
        type(face)(face.box, face.score, face.key_points, None, track), _mostly(emotion, much), quality, time_s
    )


def _heard(emotion: Emotion, time_s: float = 0.0, share: float = 0.7, much: float = 0.9) -> VoiceReading:
    return VoiceReading(_mostly(emotion, much), share, time_s)


def test_without_readings_the_distribution_is_uniform() -> None:
    fused = Fusion().now(10.0)
    np.testing.assert_allclose(fused.probabilities, uniform())
    assert (fused.face, fused.voice, fused.time_s, fused.has_reading) == (None, None, 0.0, False)


def test_one_sense_alone_is_a_reading_and_the_mood_says_which() -> None:
    eyes, ears = Fusion(), Fusion()
    eyes.add_face(_saw(Emotion.HAPPY, 1.0))
    ears.add_voice(_heard(Emotion.SAD, 1.0))
    seen, heard = eyes.now(1.2), ears.now(1.2)
    assert (top(seen.probabilities), seen.voice, seen.has_reading, seen.time_s) == (Emotion.HAPPY, None, True, 1.0)
    assert (top(heard.probabilities), heard.face, heard.has_reading) == (Emotion.SAD, None, True)
    assert seen.face is not None
    assert (seen.face.emotion, seen.face.confidence, seen.face.age_s) == (Emotion.HAPPY, 0.9, 0.2)
    np.testing.assert_allclose(seen.probabilities, _mostly(Emotion.HAPPY), atol=1e-5)


def test_two_senses_that_agree_are_surer_of_it_than_one_that_is_contradicted() -> None:
    agreed, argued = Fusion(), Fusion()
    for fusion, said in ((agreed, Emotion.HAPPY), (argued, Emotion.SAD)):
        fusion.add_face(_saw(Emotion.HAPPY))
        fusion.add_voice(_heard(said))
    alone = Fusion()
    alone.add_face(_saw(Emotion.HAPPY))
    assert agreed.now(0).probabilities[3] > alone.now(0).probabilities[3] > argued.now(0).probabilities[3]


def test_a_voice_without_a_face_is_less_sure_and_a_face_without_a_voice_is_not() -> None:
    heard, seen, agreed = Fusion(), Fusion(), Fusion()
    for fusion in (heard, agreed):
        fusion.add_voice(_heard(Emotion.SAD))
    for fusion in (seen, agreed):
        fusion.add_face(_saw(Emotion.SAD))
    by_ear, by_eye, by_both = (float(fusion.now(0.0).probabilities[4]) for fusion in (heard, seen, agreed))
    assert by_eye == pytest.approx(0.9, abs=1e-5)
    assert by_ear < 0.6
    assert by_both > by_eye


def test_no_mood_comes_up_from_the_voice_when_the_face_that_contradicted_it_has_left() -> None:
    fusion, smoother = Fusion(reading_max_age_s=4.0), MoodSmoother(MoodSettings())
    said = set()
    for tick in range(100):
        now_s = tick / 10
        if now_s <= 2:
            fusion.add_face(_saw(Emotion.NEUTRAL, now_s))
        if now_s <= 5 and tick % 10 == 0:  # the window still holds what was said before
            fusion.add_voice(_heard(Emotion.ANGRY, now_s))
        said.add(smoother.update(fusion.now(now_s), int(now_s <= 2), now_s).emotion)
    assert said == {Emotion.NEUTRAL, Emotion.UNKNOWN}


def test_an_emotion_that_neither_sense_excludes_can_win() -> None:
    # The eye wavers between fear and surprise, the ear between fear and sadness: both can only mean fear.
    fusion, rest = Fusion(), 0.02
    face, voice = _saw(Emotion.SURPRISE), _heard(Emotion.SAD)
    seen = np.array([rest, rest, 0.42, rest, rest, 0.48, rest], np.float32)
    heard = np.array([rest, rest, 0.42, rest, 0.48, rest, rest], np.float32)
    fusion.add_face(FaceReading(face.face, seen, 1.0, 0.0))
    fusion.add_voice(VoiceReading(heard, voice.speech_share, 0.0))
    assert top(fusion.now(0.0).probabilities) is Emotion.FEAR


def test_a_poor_look_gives_way_to_a_clear_voice() -> None:
    shares = []
    for quality in (1.0, 0.5, 0.1):
        fusion = Fusion()
        fusion.add_face(_saw(Emotion.HAPPY, quality=quality))
        fusion.add_voice(_heard(Emotion.SAD))
        shares.append(float(fusion.now(0).probabilities[3]))
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] < 0.2


def test_a_voice_with_more_speech_in_it_counts_for_more() -> None:
    shares = []
    for share in (0.0, 0.3, 0.7):
        fusion = Fusion()
        fusion.add_face(_saw(Emotion.HAPPY))
        fusion.add_voice(_heard(Emotion.SAD, share=share))
        shares.append(float(fusion.now(0).probabilities[4]))
    assert shares == sorted(shares)
    assert shares[0] < 0.5 * shares[-1]


def test_a_reading_fades_and_is_forgotten() -> None:
    fusion = Fusion(reading_max_age_s=4.0)
    fusion.add_voice(_heard(Emotion.SAD, 0.0))
    happy = []
    for now in (0.0, 1.0, 2.0, 3.0, 3.9):
        fusion.add_face(_saw(Emotion.HAPPY, now))
        happy.append(float(fusion.now(now).probabilities[3]))
    assert happy == sorted(happy)
    assert happy[-1] > 0.85
    later = fusion.now(4.0)
    assert later.voice is None
    assert later.face is not None
    assert not fusion.now(8.0).has_reading


def test_a_newer_reading_of_a_face_replaces_the_older() -> None:
    fusion = Fusion()
    fusion.add_face(_saw(Emotion.HAPPY, 0.0))
    fusion.add_face(_saw(Emotion.SAD, 0.1))
    np.testing.assert_allclose(fusion.now(0.1).probabilities, _mostly(Emotion.SAD), atol=1e-5)


def test_of_two_faces_the_clearer_one_counts_for_more_and_neither_is_lost() -> None:
    fusion = Fusion()
    fusion.add_face(_saw(Emotion.HAPPY, quality=0.9, track=1))
    fusion.add_face(_saw(Emotion.SAD, quality=0.3, track=2))
    said = fusion.now(0.0).probabilities
    assert top(said) is Emotion.HAPPY
    assert said[4] == pytest.approx(0.25 * 0.9 + 0.75 * 0.1 / 6, abs=1e-3)


@pytest.mark.parametrize("which", ["face", "voice"])
def test_a_switched_off_sense_no_longer_counts(which: str) -> None:
    fusion = Fusion()
    fusion.add_face(_saw(Emotion.HAPPY))
    fusion.add_voice(_heard(Emotion.SAD))
    (fusion.clear_faces if which == "face" else fusion.clear_voice)()
    fused = fusion.now(0.0)
    assert (fused.face is None, fused.voice is None) == (which == "face", which == "voice")
    assert top(fused.probabilities) is (Emotion.SAD if which == "face" else Emotion.HAPPY)


def test_a_reading_from_the_future_is_as_fresh_as_one_of_now() -> None:
    fusion = Fusion()
    fusion.add_face(_saw(Emotion.HAPPY, 10.0))
    fused = fusion.now(9.9)
    assert fused.face is not None
    assert fused.face.age_s == 0


_LOGITS = st.lists(st.floats(-60, 60, width=32), min_size=7, max_size=7).map(lambda v: softmax(np.array(v, np.float32)))
_EVENTS = st.lists(
    st.tuples(st.sampled_from(["face", "voice"]), _LOGITS, st.floats(0, 1), st.floats(0, 3), st.integers(1, 3)),
    max_size=10,
)


@tries(max_examples=150, deadline=None)
@given(_EVENTS, st.floats(0.01, 10))
def test_for_any_readings_the_result_is_finite_and_sums_to_one(
    events: list[tuple[str, Floats, float, float, int]],
    reading_max_age_s: float,
) -> None:
    fusion, now = Fusion(reading_max_age_s), 0.0
    for kind, probabilities, much, pause, track in events:
        if kind == "face":
            face = face_at(0, 0, 50)
            face = type(face)(face.box, 0.9, face.key_points, None, track)
            fusion.add_face(FaceReading(face, probabilities, much, now))
        else:
            fusion.add_voice(VoiceReading(probabilities, much, now))
        now += pause
        fused = fusion.now(now)
        assert np.isfinite(fused.probabilities).all()
        assert (fused.probabilities >= 0).all()
        assert fused.probabilities.sum() == pytest.approx(1, abs=1e-4)
        assert fused.has_reading == (fused.face is not None or fused.voice is not None)
