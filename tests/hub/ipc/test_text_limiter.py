"""How much sense can say: sentences and messages have a rate."""

import msgspec
import pytest

from device.errors import LinkError
from device.hub.ipc.text_limiter import MESSAGES, NEW_TEXTS, TextLimiter
from device.ipc.messages import Health, Stage, State
from device.readings import Baseline, Recording, SenseBaseline
from tests.hub.hub_running import HELLO, WELL


class _Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def _say(text: str) -> Health:
    return msgspec.structs.replace(WELL, stages={"camera": Stage(State.LOST, text, 1 / 3)})


def _heard(limiter: TextLimiter, health: Health) -> Health:
    found = limiter.limit(health)
    assert isinstance(found, Health)
    return found


def test_a_picture_in_pieces_does_not_come_through() -> None:
    clock = _Clock()
    limiter = TextLimiter(clock)
    pieces = [f"{index:04}" + "x" * 196 for index in range(400)]
    heard = set()
    for piece in pieces:  # four a second, as Health comes
        clock.now_s += 0.25
        heard.add(_heard(limiter, _say(piece)).stages["camera"].detail)
    assert len(heard) <= NEW_TEXTS + 0.2 * 100 + 1
    # It may speak again.
    clock.now_s += 60
    assert _heard(limiter, _say("the camera is back")).stages["camera"].detail == "the camera is back"


def test_honest_sentences_come_through_and_the_same_one_costs_nothing() -> None:
    limiter = TextLimiter(_Clock())
    for _ in range(1000):
        assert _heard(limiter, _say("no camera found")).stages["camera"].detail == "no camera found"
    for index in range(NEW_TEXTS - 1):
        assert _heard(limiter, _say(f"fault {index}")).stages["camera"].detail == f"fault {index}"
    assert _heard(limiter, _say("")).stages["camera"].detail == "", "all is well can always be said"


def test_what_is_recorded_and_the_neutral_count_as_sentences() -> None:
    limiter = TextLimiter(_Clock())
    seven = (0.1, 0.1, 0.1, 0.1, 0.2, 0.1, 0.3)
    heard = set()
    for index in range(200):
        neutral = Baseline(float(index), SenseBaseline(300, seven))
        found = _heard(limiter, msgspec.structs.replace(WELL, baseline=neutral, recording=Recording(1 / 3, f"{index}")))
        heard |= {found.recording.message, found.baseline}
    assert len(heard) <= NEW_TEXTS + 2


def test_numbers_lose_the_digits_that_nobody_needs() -> None:
    assert _heard(TextLimiter(_Clock()), _say("")).stages["camera"].rate_hz == 0.33


def test_a_sense_that_introduces_itself_anew_all_the_time_is_refused() -> None:
    limiter = TextLimiter(_Clock())
    for index in range(NEW_TEXTS):
        limiter.limit(msgspec.structs.replace(HELLO, session=f"{index}"))
    with pytest.raises(LinkError, match="anew too often"):
        limiter.limit(msgspec.structs.replace(HELLO, session="x"))


def test_messages_have_a_rate_that_a_full_outbox_does_not_reach() -> None:
    clock = _Clock()
    limiter = TextLimiter(clock)
    for _ in range(MESSAGES):
        limiter.limit(WELL)
    with pytest.raises(LinkError, match="messages a second"):
        limiter.limit(WELL)
    clock.now_s += 1
    limiter.limit(WELL)
