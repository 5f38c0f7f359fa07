"""A settings file of 0.1 still works: every renamed key is accepted under its old name, with a warning."""

import logging

import pytest

from device.errors import SettingsError
from device.settings.load import parse
from device.settings.renamed import RENAMED

_OLD = """
[camera]
turned = 180
least_score = 0.7
most_faces = 3
budget = 0.5
[microphone]
every_s = 2.0
least_speech = 0.4
[mood]
least_confidence = 0.45
lead = 0.2
forget_s = 6.0
[kiosk]
names = ["mien.home"]
[[rules]]
name = "evening"
mood = ["sad"]
between = "18:00-23:30"
least_confidence = 0.6
valence_least = -0.9
valence_most = 0.1
people_least = 1
people_most = 4
do = [{ action = "lamp" }]
"""


def _renamed(text: str) -> str:
    """The same file with the current names."""
    for keys in RENAMED.values():
        for old, new in keys.items():
            text = text.replace(f"\n{old} = ", f"\n{new} = ")
    return text


def test_a_file_of_0_1_means_the_same(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        old = parse(_OLD, "mien.toml")
    assert old == parse(_renamed(_OLD), "new.toml")
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == sum(map(len, RENAMED.values()))
    assert "mien.toml: camera.turned is now called rotation; the old name works until the next release" in said
    assert any("rules[0].between is now called hours" in line for line in said)


def test_current_names_give_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        parse(_renamed(_OLD), "mien.toml")
    assert not caplog.records


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[camera]\nturned = 90\nrotation = 90", ["mien.toml", "camera.turned", "rotation", "remove turned"]),
        ("[mood]\nlead = 3", ["mood.hysteresis = 3", "<= 1"]),
        ("rules = 3", ["rules"]),
        ("camera = 3", ["camera"]),
        ("rules = [3]", ["rules[0]"]),
    ],
)
def test_an_error_under_an_old_name_names_the_key(text: str, words: list[str]) -> None:
    with pytest.raises(SettingsError) as said:
        parse(text, "mien.toml")
    assert all(word in str(said.value) for word in words)
