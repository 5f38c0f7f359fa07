"""The hours of a rule: over midnight, with daylight saving, and with a clock that is not set or jumps."""

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from device.emotions import Emotion
from device.hub.rules.engine import RuleEngine, RuleFired, is_within
from device.settings.actions.virtual import Lamp
from device.settings.rules import Rule
from device.system.clock import RELEASED_UTC_S, local_time
from tests.hub.rules.builders import NOON, SAD, rule


@pytest.mark.parametrize(
    ("between", "inside", "outside"),
    [
        ("18:00-23:30", [time(18), time(23, 29, 59)], [time(17, 59, 59), time(23, 30)]),
        ("22:00-06:00", [time(22), time(0), time(5, 59)], [time(6), time(21, 59), NOON]),
        ("00:00-00:00", [time(0), NOON], []),
        ("", [time(3)], []),
    ],
)
def test_is_within(between: str, inside: list[time], outside: list[time]) -> None:
    assert all(is_within(between, moment) for moment in inside)
    assert not any(is_within(between, moment) for moment in outside)


def test_a_rule_waits_for_its_hours() -> None:
    rules = RuleEngine((rule(hours="22:00-06:00"),))
    assert not rules.evaluate(SAD, 0, time(21, 59, 50))
    assert not rules.evaluate(SAD, 9, time(21, 59, 59))
    assert rules.evaluate(SAD, 10, time(22))[0].why == "sad 80 % for 10 s"


BERLIN = ZoneInfo("Europe/Berlin")


def utc_s(*moment: int) -> float:
    return datetime(*moment, tzinfo=UTC).timestamp()  # type: ignore[misc,arg-type]


def night(one: Rule, start_utc_s: float, hours: float, step_s: float = 60) -> list[str]:
    """The Berlin times at which it fires, or ends (-), while the room is always sad."""
    rules, said = RuleEngine((one,)), list[str]()
    for step in range(round(hours * 3600 / step_s)):
        local = local_time(start_utc_s + step * step_s, BERLIN)
        events = rules.evaluate(SAD, step * step_s, local)
        said += [f"{'' if isinstance(event, RuleFired) else '-'}{local:%H:%M}" for event in events]
    return said


EVENING = Rule("r", (Emotion.SAD,), (Lamp(),), 0, hours="22:00-02:30", cooldown_s=3600, restore=True)


def test_hours_that_span_midnight() -> None:
    assert night(EVENING, utc_s(2027, 1, 10, 18), 34) == ["22:00", "-02:30", "22:00", "-02:30"]


def test_the_hour_that_is_skipped_ends_a_rule_that_would_have_ended_in_it() -> None:
    # 28 March 2027, 02:00 -> 03:00: there is no 02:30.
    assert night(EVENING, utc_s(2027, 3, 27, 20), 8) == ["22:00", "-03:00"]
    assert night(msgspec.structs.replace(EVENING, hours="02:15-05:00"), utc_s(2027, 3, 27, 23), 8) == [
        "03:00",
        "-05:00",
    ]


def test_the_hour_that_comes_twice_is_within_the_cooldown() -> None:
    # 31 October 2027, 03:00 -> 02:00. The second 02:00-02:30 is in the hours again, and counts.
    assert night(EVENING, utc_s(2027, 10, 30, 19), 12) == ["22:00", "-02:30", "02:00", "-02:30"]
    patient = msgspec.structs.replace(EVENING, cooldown_s=6 * 3600.0)
    assert night(patient, utc_s(2027, 10, 30, 19), 12) == ["22:00", "-02:30"]


def test_durations_and_cooldowns_ignore_daylight_saving() -> None:
    slow = Rule("r", (Emotion.SAD,), (Lamp(),), 7200, cooldown_s=0)
    assert night(slow, utc_s(2027, 3, 27, 23, 30), 4) == ["03:30"], "two hours later by any watch"


def test_hours_do_not_begin_while_the_clock_is_not_set() -> None:
    assert local_time(0.0) is None
    assert local_time(RELEASED_UTC_S - 1) is None
    assert local_time(RELEASED_UTC_S, BERLIN) == time(1)
    assert is_within("18:00-23:30", None) is None
    assert is_within("", None) is True


def test_a_clock_that_jumps_a_year_at_boot_affects_only_the_hours() -> None:
    hours = Rule("hours", (Emotion.SAD,), (Lamp(),), 5, hours="21:00-23:00")
    rules = RuleEngine((hours, rule(for_s=5)))
    boot_s, real_s = utc_s(1971, 1, 1), utc_s(2027, 1, 10, 20, 30)
    fired = []
    for step in range(200):
        wall_s = (boot_s if step < 100 else real_s) + step / 2
        fired += [(step / 2, one.rule.name) for one in rules.evaluate(SAD, step / 2, local_time(wall_s, BERLIN))]
    assert fired == [(5, "r"), (50, "hours")]
    for step in range(200, 400):  # and back: nothing ends, nothing fires twice
        assert not rules.evaluate(SAD, step / 2, local_time(boot_s + step / 2, BERLIN))


_MOVED = """
import os, sys
from pathlib import Path
from device.system.clock import RELEASED_UTC_S, local_time
file = Path(sys.argv[1])
for hours in (0, 1, 9):
    kind = (3600 * hours).to_bytes(4, "big") + bytes(2)
    counts = (0, 0, 0, 0, 1, 4)
    file.write_bytes(b"TZif" + bytes(16) + b"".join(n.to_bytes(4, "big") for n in counts) + kind + b"ABC" + bytes(1))
    os.utime(file, (hours, hours))
    print(local_time(RELEASED_UTC_S))
"""


def test_a_time_zone_that_changes_meanwhile_applies(tmp_path: Path) -> None:
    """Like `timedatectl set-timezone`, in a separate mount namespace."""
    zone = tmp_path / "localtime"
    zone.write_bytes(b"")
    own = ["unshare", "-rm", "sh", "-c", 'mount --bind "$0" /etc/localtime && exec "$@"', str(zone)]
    possible = shutil.which("unshare") and Path("/etc/localtime").exists()
    if not possible or subprocess.run([*own, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system's time zone cannot be played here")
    env = {name: value for name, value in os.environ.items() if name != "TZ"}
    done = subprocess.run(
        [*own, sys.executable, "-c", _MOVED, str(zone)],
        env=env,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.split() == ["00:00:00", "01:00:00", "09:00:00"], done.stderr
