"""One change of mood on its way to the broker."""

import logging
import time

from msgspec import Struct

from device.hub.history.rows import MoodRow, mood_from_entry
from device.hub.mqtt.payloads import build_event_document
from device.hub.state.snapshot import Json
from device.readings import Mood

_log = logging.getLogger(__name__)


class Change(Struct, frozen=True):
    """One change of mood to deliver."""

    session: str
    seq: int
    mood: Mood
    time_utc_s: float
    """When it happened, seconds since 1970."""
    is_from_file: bool = False
    number: int | None = None
    """Its number in the file; None before it is stored."""

    @property
    def key(self) -> tuple[str, int]:
        """Its identity."""
        return self.session, self.seq

    def as_event(self, *, is_again: bool) -> Json:
        """The document to publish now. `is_again`: an earlier hub may have published it."""
        return build_event_document(
            self.mood,
            self.time_utc_s,
            f"{self.session}-{self.seq}",
            time.time() - self.time_utc_s,
            number=self.number,
            is_again=is_again,
        )


def read_change(number: int, row: MoodRow) -> Change | None:
    """The change in a row of the history; None if the row is damaged."""
    try:
        mood = mood_from_entry(row.entry)
    except (KeyError, ValueError) as error:
        event_id = f"{row.session}-{row.seq}"
        _log.error("outbox: change %s in the history is damaged (%s); it is not published", event_id, error)
        return None
    return Change(row.session, row.seq, mood, row.entry.time_s, is_from_file=True, number=number)
