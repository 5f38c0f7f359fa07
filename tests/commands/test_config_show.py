"""`mien config check` accepts the output of `mien config show --secrets`, whatever the settings are."""

import math
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.settings.actions.webhook import Webhook
from device.settings.load import parse
from device.settings.toml import format_settings, format_value
from tests.command_line import Mien, write_settings

_RULE = (
    '[[rules]]\nname = "r"\nmood = ["sad"]\ndo = [{ action = "webhook", url = "http://127.0.0.1:1/", data = DATA }]\n'
)


@pytest.mark.parametrize(
    "data",
    [
        '{ "a b" = 1, "" = 2, "ä" = 3, "a.b" = 4, "\\"" = 5, bare-1_x = 6 }',
        "{ most = inf, least = -inf, zero = -0.0, large = 1e300, small = 5e-324, whole = 9223372036854775807 }",
        '{ x = "\\u007f\\u0000\\u001b[31m\\u0085\\u202e\\n\\t\\\\ \\"quoted\\" \\U0001f600" }',
        "{ at = 1979-05-27T07:32:00.5Z, local = 1979-05-27T07:32:00, day = 1979-05-27, hour = 07:32:00 }",
        "{ list = [1, 2.5, true, [], {}, [{ deep = {} }]] }",
    ],
)
def test_the_output_of_show_is_valid_and_equal(mien: Mien, tmp_path: Path, data: str) -> None:
    path = write_settings(tmp_path, _RULE.replace("DATA", data))
    shown = mien("--settings", path, "config", "show", "--secrets")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert not [one for one in shown.stdout if not one.isprintable() and one != "\n"]
    again = tmp_path / "again.toml"
    again.write_text(shown.stdout)
    checked = mien("--settings", again, "config", "check")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert repr(parse(shown.stdout, "shown")) == repr(parse(path.read_text(), "given"))


def test_not_a_number_is_shown_as_nan() -> None:
    (rule,) = parse(format_settings(parse(_RULE.replace("DATA", "{ x = nan }"), "x"), commented=False), "shown").rules
    (action,) = rule.do
    assert isinstance(action, Webhook)
    assert math.isnan(action.data["x"])


_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_MOMENTS = st.one_of(st.datetimes(), st.times()).map(lambda moment: moment.replace(fold=0))
_SCALARS = st.one_of(_TEXT, st.integers(), st.floats(), st.booleans(), st.dates(), _MOMENTS)
_VALUES = st.recursive(_SCALARS, lambda inner: st.one_of(st.lists(inner), st.dictionaries(_TEXT, inner)), max_leaves=8)


@settings(max_examples=300, deadline=None)
@given(_VALUES)
def test_any_value_reads_back_unchanged(value: Any) -> None:
    written = format_value(value)
    assert "\n" not in written
    assert repr(tomllib.loads(f"x = {written}")["x"]) == repr(value)
