"""Limits how much text `sense` can say. Its numbers and enumerations are bounded by device/ipc/messages.py."""

import logging
import time
from collections.abc import Callable

import msgspec

from device.errors import LinkError
from device.ipc.messages import Health, Hello, SenseMessage
from device.readings import Baseline
from device.system.rate_limiter import TokenBucket

_log = logging.getLogger(__name__)

NEW_TEXTS = 30
"""New sentences at once: every stage that fails, and then something else, after a restart."""
NEW_TEXTS_PER_S = 0.2
"""New sentences in the long run. At 200 characters each, a small picture would take minutes, and it would show."""
MESSAGES = 6000
"""Messages at once: all the changes that sense has kept while hub was away."""
MESSAGES_PER_S = 100.0


class TextLimiter:
    """Of all connections together: counts new sentences and messages. Not thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._texts = TokenBucket(NEW_TEXTS_PER_S, NEW_TEXTS, clock=clock)
        self._messages = TokenBucket(MESSAGES_PER_S, MESSAGES, clock=clock)
        self._known: dict[str, str] = {}
        """Place of a text -> what it said last."""
        self._is_logged = False

    def limit(self, message: SenseMessage) -> SenseMessage:
        """The message, with texts that came too fast replaced by what stood there before.

        Raises LinkError for too many messages, and for a Hello that says something new too soon.
        """
        if self._messages.take():
            raise LinkError(f"sense sent more than {MESSAGES_PER_S:g} messages a second")
        match message:
            case Hello():
                said = msgspec.json.encode(message).decode()
                if self._accept("hello", said) != said:
                    raise LinkError("sense introduced itself anew too often; it may do so again in some seconds")
            case Health():
                return self._limit_health(message)
        return message

    def _limit_health(self, health: Health) -> Health:
        stages = {
            name: msgspec.structs.replace(
                stage, detail=self._accept(name, stage.detail), rate_hz=round(stage.rate_hz, 2)
            )
            for name, stage in health.stages.items()
        }
        said = self._accept("recording", health.recording.message)
        recording = msgspec.structs.replace(health.recording, message=said, left_s=round(health.recording.left_s, 1))
        # Its numbers change only with a recording: many digits at once are a text, too.
        said = msgspec.json.encode(health.baseline).decode() if health.baseline else ""
        baseline = self._accept("baseline", said)
        return msgspec.structs.replace(
            health,
            stages=stages,
            recording=recording,
            baseline=msgspec.json.decode(baseline or "null", type=Baseline | None),
        )

    def _accept(self, place: str, text: str) -> str:
        known = self._known.get(place, "")
        if text not in ("", known) and self._texts.take():
            if not self._is_logged:
                self._is_logged = True
                _log.warning("sense says something new too often; hub keeps what it said before")
            return known
        if text:
            self._known[place] = text
        return text
