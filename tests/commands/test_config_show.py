"""`mien config show` prints what `mien config check` reads as the same, whatever stands in the settings."""

import math
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.settings.load import parse
from device.settings.toml import as_toml, toml_value
from tests.command_line import Mien, settings_in

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
def test_what_is_shown_checks_and_is_the_same(mien: Mien, tmp_path: Path, data: str) -> None:
    path = settings_in(tmp_path, _RULE.replace("DATA", data))
    shown = mien("--settings", path, "config", "show")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert not [one for one in shown.stdout if not one.isprintable() and one != "\n"]
    again = tmp_path / "again.toml"
    again.write_text(shown.stdout)
    checked = mien("--settings", again, "config", "check")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert repr(parse(shown.stdout, "shown")) == repr(parse(path.read_text(), "given"))


def test_what_is_no_number_is_shown_so() -> None:
    (rule,) = parse(as_toml(parse(_RULE.replace("DATA", "{ x = nan }"), "x"), commented=False), "shown").rules
    assert math.isnan(rule.do[0].data["x"])  # type: ignore[union-attr]


_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_MOMENTS = st.one_of(st.datetimes(), st.times()).map(lambda moment: moment.replace(fold=0))
_SCALARS = st.one_of(_TEXT, st.integers(), st.floats(), st.booleans(), st.dates(), _MOMENTS)
_VALUES = st.recursive(_SCALARS, lambda inner: st.one_of(st.lists(inner), st.dictionaries(_TEXT, inner)), max_leaves=8)


@settings(max_examples=300, deadline=None)
@given(_VALUES)
def test_any_value_reads_back_as_the_same(value: Any) -> None:
    written = toml_value(value)
    assert "\n" not in written
    assert repr(tomllib.loads(f"x = {written}")["x"]) == repr(value)
