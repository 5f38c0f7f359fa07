"""Ordinary life: what an hour is made of, what counts as false, and how a delay is measured."""

import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace
from pathlib import Path
from subprocess import run
from sys import executable

import numpy as np
import pytest

from convert.datasets.labels import NONE
from convert.evaluation.shipped import load_shipped, load_voice_reader
from convert.face.student.key_points import TYPICAL_POINTS
from convert.ordinary_life.curve import Curve, Point
from convert.ordinary_life.material import Material, read_material
from convert.ordinary_life.measure import Delays, FalseTriggers, count_false_triggers, measure_delays
from convert.ordinary_life.perceive import Readings, perceive
from convert.ordinary_life.portraits import Mouth, Portrait, Pose, draw_crop, make_portrait, place_in_frame
from convert.ordinary_life.replay import Outcome, decide, fuse, with_threshold
from convert.ordinary_life.script import (
    EPISODE_S,
    SENSES,
    Episode,
    Script,
    Sound,
    Visit,
    draw_moody_hour,
    draw_ordinary_hour,
)
from convert.ordinary_life.soundtrack import play
from convert.report import ordinary_life as report
from device.emotions import EMOTIONS, Emotion, Floats
from device.errors import MediaError
from device.perception.face.classifier import FaceReader, quality
from device.readings import FaceReading, VoiceReading
from device.settings.schema import Settings
from tests.builders import face_at

NEUTRAL = EMOTIONS.index(Emotion.NEUTRAL)
RATE_HZ = 16_000
SURE = with_threshold(Settings(), 0.4)


def portrait(emotion: int = NEUTRAL, source: str = "drawn") -> Portrait:
    rng = np.random.default_rng(emotion + 1)
    return make_portrait(rng.integers(60, 200, (48, 48)).astype(np.uint8), TYPICAL_POINTS, emotion, source)


def hum(seconds: float, hz: float = 150) -> Floats:
    return np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ).astype(np.float32)


@pytest.fixture(scope="module")
def material() -> Material:
    moods = {i: [portrait(i), portrait(i, "other")] for i in range(6)}
    acted = {("actor", i): [hum(2.0), hum(3.0)] for i in range(6)}
    room = np.ones(1, np.float32)
    return Material([portrait()], [portrait(NONE)], moods, [hum(4.0), hum(6.0)], acted, [hum(5.0)], [room])


def script(*visits: Visit, voices: tuple[Sound, ...] = (), episodes: tuple[Episode, ...] = ()) -> Script:
    return Script(0, list(visits), list(voices), [], np.ones(1, np.float32), list(episodes), 120.0)


def looks(emotion: Emotion, start_s: float, end_s: float, sure: float = 0.95) -> list[FaceReading]:
    """A face that looks the same all the time."""
    shares = np.full(7, (1 - sure) / 6, np.float32)
    shares[EMOTIONS.index(emotion)] = sure
    return [FaceReading(replace(face_at(0, 0, 100), track=1), shares, 1.0, t) for t in np.arange(start_s, end_s, 0.2)]


def outcome(readings: Readings, settings: Settings = SURE) -> Outcome:
    return decide(fuse(readings, settings.mood), settings)


def seen(*readings: list[FaceReading]) -> Readings:
    return Readings([reading for part in readings for reading in part], [], 120.0)


def test_an_hour_is_the_same_for_the_same_seed_and_another_for_another(material: Material) -> None:
    first, again, other = (draw_ordinary_hour(material, seed) for seed in (1, 1, 2))
    for one, two, is_same in ((first, again, True), (first, other, False)):
        times = [[(visit.start_s, visit.end_s) for visit in hour.visits] for hour in (one, two)]
        talks = [[voice.start_s for voice in hour.voices] for hour in (one, two)]
        assert (times[0] == times[1]) is is_same
        assert (talks[0] == talks[1]) is is_same
    assert first.episodes == []
    assert {visit.portrait.emotion for hour in (first, other) for visit in hour.visits} == {NEUTRAL, NONE}
    assert all(0 <= visit.start_s < visit.end_s <= 3600 for visit in first.visits)


def test_every_emotion_is_shown_in_both_senses_and_in_each_alone(material: Material) -> None:
    hour = draw_moody_hour(material, 1)
    kinds = {(episode.emotion, episode.sense) for episode in hour.episodes}
    assert kinds == {(e, sense) for e in EMOTIONS if e is not Emotion.NEUTRAL for sense in SENSES}
    for episode in hour.episodes:
        hosts = [v for v in hour.visits if v.mood and v.mood_s == (episode.start_s, episode.end_s)]
        talk = [v for v in hour.voices if episode.start_s <= v.start_s < episode.end_s]
        assert len(hosts) == (episode.sense != "voice")
        assert bool(talk) == (episode.sense != "face")
        assert all(voice.end_s <= episode.end_s for voice in talk)
        if episode.sense == "voice":
            assert not any(v.start_s < episode.end_s and v.end_s > episode.start_s for v in hour.visits)


def test_a_talking_mouth_is_open_below_the_nose_and_nowhere_else() -> None:
    calm = make_portrait(np.full((48, 48), 150, np.uint8), TYPICAL_POINTS, NEUTRAL, "drawn")
    closed, opened = (draw_crop(calm, Pose(), Mouth(opening)) for opening in (0.0, 0.25))
    assert closed.min() == 150
    changed = np.argwhere(opened < 140)
    assert len(changed) > 20
    assert changed[:, 0].min() > 30
    assert 15 < changed[:, 1].min() < changed[:, 1].max() < 33


def test_a_face_on_black_gets_surroundings() -> None:
    picture = np.zeros((64, 64), np.uint8)
    picture[8:60, 12:52] = 120
    around = np.random.default_rng(0).integers(30, 220, (48, 48)).astype(np.uint8)
    corners = [make_portrait(picture, TYPICAL_POINTS, NEUTRAL, "x", a).canvas[:8, :8] for a in (None, around)]
    assert corners[0].max() == 0
    assert corners[1].min() > 20


def test_a_turned_face_is_read_with_less_trust() -> None:
    crop = np.random.default_rng(0).integers(0, 255, (48, 48)).astype(np.uint8)
    straight, half = (quality(place_in_frame(Pose((lean, 0.0)), 100, 1, crop)) for lean in (0.0, 0.3))
    assert straight == 1
    assert half < 0.2


def test_sounds_are_heard_when_and_as_loud_as_the_script_says() -> None:
    sound = Sound(2.5, hum(2.0), -30.0)
    samples = np.concatenate(list(play(script(voices=(sound,)))))
    assert len(samples) == 120 * RATE_HZ
    level_db = 20 * np.log10(np.sqrt(np.mean(samples[int(2.6 * RATE_HZ) : int(4.4 * RATE_HZ)] ** 2)))
    assert level_db == pytest.approx(-30, abs=0.5)
    quiet = np.concatenate([samples[: int(2.4 * RATE_HZ)], samples[int(4.6 * RATE_HZ) :]])
    assert 20 * np.log10(np.sqrt(np.mean(quiet**2))) < -50


def test_a_calm_person_who_reads_as_sad_is_a_false_trigger_and_neutral_is_none() -> None:
    hour = script(Visit(0, 60, portrait()))
    calm = outcome(seen(looks(Emotion.NEUTRAL, 0, 60)))
    assert [fired.rule for fired in calm.fired] == ["as usual"]
    assert count_false_triggers([(hour, calm)]).by_rule == Counter()
    sad = outcome(seen(looks(Emotion.SAD, 0, 60)))
    found = count_false_triggers([(hour, calm), (hour, sad)])
    assert (found.by_rule, found.per_hour) == (Counter({"comfort": 1}), 0.5)


def test_a_smile_of_somebody_without_a_label_is_unclear_and_their_anger_is_false() -> None:
    unlabelled, neutral = script(Visit(0, 60, portrait(NONE))), script(Visit(0, 60, portrait()))
    happy, angry = (outcome(seen(looks(e, 0, 60))) for e in (Emotion.HAPPY, Emotion.ANGRY))
    assert (
        count_false_triggers([(unlabelled, happy)]).per_hour,
        count_false_triggers([(unlabelled, happy)]).unclear,
    ) == (
        0,
        1,
    )
    assert count_false_triggers([(neutral, happy)]).per_hour == 1
    assert count_false_triggers([(unlabelled, angry)]).per_hour == 1


def test_a_higher_threshold_acts_less() -> None:
    hour = script(Visit(0, 60, portrait()))
    readings = seen(looks(Emotion.SAD, 0, 60, sure=0.7))
    counts = [
        count_false_triggers([(hour, outcome(readings, with_threshold(Settings(), t)))]).per_hour for t in (0.3, 0.95)
    ]
    assert counts == [1, 0]


def test_the_delay_runs_from_the_start_of_the_mood_to_the_rule_for_it() -> None:
    episode = Episode(40.0, Emotion.SAD, "face")
    hour = script(Visit(0, 90, portrait()), episodes=(episode,))
    right = outcome(seen(looks(Emotion.NEUTRAL, 0, 40), looks(Emotion.SAD, 40, 70)))
    wrong = outcome(seen(looks(Emotion.NEUTRAL, 0, 40), looks(Emotion.ANGRY, 40, 70)))
    late = outcome(seen(looks(Emotion.NEUTRAL, 0, 40 + EPISODE_S), looks(Emotion.SAD, 40 + EPISODE_S, 110)))
    delays = measure_delays([(hour, right), (hour, wrong), (hour, late)])["face"]
    comfort = next(rule for rule in Settings().rules if rule.name == "comfort")
    assert (delays.episodes, len(delays.acted_s), delays.wrong) == (3, 1, 1)
    assert comfort.for_s < delays.median_s < comfort.for_s + 5
    assert delays.share == pytest.approx(100 / 3)
    assert measure_delays([])["both"].share == 0


def test_a_mood_that_begins_after_a_talking_person_has_left_is_counted() -> None:
    said = Sound(55.0, hum(5.0), -30.0, visit=0)
    hour = script(Visit(0, 60, portrait()), voices=(said,))
    shares = np.full(7, 0.01, np.float32)
    shares[EMOTIONS.index(Emotion.ANGRY)] = 0.94
    heard = [VoiceReading(shares, 0.8, t) for t in (62.0, 63.0, 64.0, 65.0)]
    faces = looks(Emotion.NEUTRAL, 0, 60)
    wrong, right = (outcome(Readings(faces, voices, 120.0)) for voices in (heard, []))
    found = count_false_triggers([(hour, wrong), (hour, right), (replace(hour, voices=[]), wrong)])
    assert (found.wrong_departures, found.departures) == (1, 2)


def test_an_hour_goes_through_the_devices_readers(material: Material) -> None:
    said = Sound(5.0, hum(6.0), -30.0, visit=0)
    hour = script(Visit(2.0, 30.0, portrait(), portrait(3), (10.0, 20.0)), voices=(said,))
    readings = perceive(hour, FaceReader(load_shipped("face")), load_voice_reader())
    assert 100 < len(readings.faces) <= 140
    assert {reading.face.track for reading in readings.faces} == {1}
    assert all(2 < reading.time_s < 30 for reading in readings.faces)
    again = perceive(hour, FaceReader(load_shipped("face")), load_voice_reader())
    for one, two in zip(readings.faces, again.faces, strict=True):
        np.testing.assert_array_equal(one.probabilities, two.probabilities)


def test_without_calm_faces_or_orders_nothing_is_measured_and_every_missing_dataset_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="ordinary life needs calm faces and orders") as refused:
        read_material(tmp_path, "measure")
    for name in ("fer2013", "webfaces", "people", "orders", "RAVDESS", "SAVEE", "ESC-10", "rooms"):
        assert name in str(refused.value)


def curve() -> Curve:
    points = []
    for threshold, false in ((0.4, 8), (0.6, 2), (0.8, 0)):
        delays = {sense: Delays(10, (2.0, 4.0, 9.0) if threshold < 0.8 else (), 1) for sense in SENSES}
        points.append(Point(threshold, FalseTriggers(4, Counter(comfort=false), 1, 5, 2), delays))
    return Curve(points, 0.6, ["people: gone"], 2)


def test_the_page_shows_every_threshold_and_its_picture_is_well_formed(tmp_path: Path) -> None:
    (tmp_path / "REPORT.md").write_text("# Card\n\n## One\n\nx\n\n## What these numbers do not show\n- y\n")
    text = report.write(curve(), tmp_path)
    assert "| 0.60 (default) | 0.50 (0.06–1.81) | 4.0 | 30 |" in text
    assert "| 0.80 | 0.00 (0.00–0.92) | – | 0 |" in text
    assert "Skipped: people: gone." in text
    assert "`python -m convert ordinary-life --hours 4 --moody-hours 2`" in text
    root = ET.fromstring((tmp_path / "ordinary-life.svg").read_text(encoding="utf-8"))  # noqa: S314 - our own file
    assert len(root.findall(".//{*}polyline")) == 3
    page = (tmp_path / "REPORT.md").read_text()
    assert page.index("## One") < page.index(report.TITLE) < page.index("## What these numbers do not show")
    assert report.read_section(tmp_path) == text
    report.write(curve(), tmp_path)
    assert (tmp_path / "REPORT.md").read_text() == page, "the section is replaced, not added again"


def test_it_needs_no_training_environment() -> None:
    code = (
        "import sys, convert.ordinary_life.curve, convert.report.ordinary_life; "
        "print({'torch', 'aiohttp'} & sys.modules.keys())"
    )
    done = run([executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "set()\n"
