"""Rules in words."""

import pytest

from device.emotions import EMOTIONS
from device.hub.rules.describe import describe, describe_condition
from device.hub.wording import format_duration
from device.settings.actions.mqtt_publish import Publish
from device.settings.rules import Rule
from device.settings.schema import Settings
from tests.hub.rules.builders import when


def test_describe() -> None:
    comfort = Settings().rules[0]
    assert describe(comfort) == (
        "When the room is sad or fearful for 2 s and Mien is at least 50 % sure: "
        "lamp #ffb46b at 40 %, player calm at 30 %; not again for 1 min."
    )
    many = Rule("m", EMOTIONS[:3], (Publish("z/set", "{}"),), 0, 0.6, "22:00-06:00", 0)
    assert describe(many) == (
        "When the room is angry, disgusted or fearful between 22:00 and 06:00 and Mien is at least 60 % sure: "
        "message to z/set."
    )
    gone = when(presence="nobody", for_s=600, profiles=["day", "night"], restore=True, cooldown_s=0)
    assert describe(gone) == (
        "When nobody is in view for 10 min in the profile day or night: lamp #ffffff at 100 %; "
        "afterwards it is put back."
    )


UUID = "00000000-0000-0000-0000-000000000001"
LAMP, SCENE = {"action": "lamp"}, {"action": "hue", "scene": UUID}
TURN_ON = {"action": "home_assistant", "service": "light.turn_on"}
NOTHING = "afterwards nothing is put back, because Mien cannot know what this changes."


@pytest.mark.parametrize(
    ("do", "said"),
    [
        ([LAMP, {"action": "wled", "host": "x"}, {"action": "mpd"}], "afterwards it is put back."),
        ([{"action": "hue", "light": UUID}, {"action": "hue", "group": UUID}], "afterwards it is put back."),
        ([TURN_ON | {"entity": "light.sofa"}, {"action": "player", "playlist": "x"}], "afterwards it is put back."),
        (
            [LAMP, SCENE, {"action": "mqtt", "topic": "z/set", "payload": ""}],
            f"afterwards it is put back, but not Hue scene {UUID}, message to z/set.",
        ),
        ([SCENE], NOTHING),
        ([{"action": "webhook", "url": "http://x/"}, {"action": "command", "run": ["true"]}], NOTHING),
        ([TURN_ON | {"data": {"entity_id": "light.sofa"}}], NOTHING),
        ([TURN_ON | {"entity": "scene.evening", "service": "scene.turn_on"}], NOTHING),
        ([TURN_ON | {"entity": "media_player.x", "service": "media_player.play_media"}], NOTHING),
    ],
)
def test_only_restorable_actions_are_promised_to_be_put_back(do: list[dict[str, object]], said: str) -> None:
    assert describe(when(mood=["sad"], do=do, restore=True, cooldown_s=0)).split("; ")[1] == said


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ({"people_min": 1}, "somebody is in view"),
        ({"people_min": 3}, "3 or more people are in view"),
        ({"people_min": 1, "people_max": 1}, "1 person is in view"),
        ({"people_min": 2, "people_max": 2}, "2 people are in view"),
        ({"people_max": 1}, "at most 1 person is in view"),
        ({"people_max": 3}, "at most 3 people are in view"),
        ({"people_max": 0}, "nobody is in view"),
        ({"presence": "someone", "people_max": 3}, "1 to 3 people are in view"),
        ({"valence_max": -0.3}, "the valence is at most -0.3"),
        ({"valence_min": 0.3}, "the valence is at least 0.3"),
        (
            {"mood": ["sad"], "valence_min": -0.5, "valence_max": 0.5, "presence": "someone"},
            "the room is sad and the valence is from -0.5 to 0.5 and somebody is in view",
        ),
    ],
)
def test_conditions_in_words(conditions: dict[str, object], said: str) -> None:
    assert describe_condition(when(**conditions)) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.5, "0.5 s"), (59, "59 s"), (60, "1 min"), (90, "1 min 30 s"), (3660, "1 h 1 min")]
)
def test_duration(seconds: float, said: str) -> None:
    assert format_duration(seconds) == said
