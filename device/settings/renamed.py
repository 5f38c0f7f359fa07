"""Keys that had another name in 0.1. The old name works for one release; a warning names the new one."""

from typing import Any

from device.errors import SettingsError

RENAMED = {
    "camera": {"turned": "rotation", "least_score": "min_score", "most_faces": "max_faces", "budget": "cpu_budget"},
    "microphone": {"every_s": "interval_s", "least_speech": "min_speech"},
    "mood": {"least_confidence": "min_confidence", "lead": "hysteresis", "forget_s": "reading_max_age_s"},
    "kiosk": {"names": "allowed_hosts"},
    "rules": {
        "between": "hours",
        "least_confidence": "min_confidence",
        "valence_least": "valence_min",
        "valence_most": "valence_max",
        "people_least": "people_min",
        "people_most": "people_max",
    },
}
"""Section -> old key -> new key. Remove in the release after 0.2."""


def rename_keys(raw: dict[str, Any]) -> list[str]:
    """Rename the old keys of a parsed TOML file in place, and return one sentence for each.

    Raises SettingsError where a table has the old and the new name of one key.
    """
    notes = []
    for section, keys in RENAMED.items():
        tables = raw.get(section)
        is_list = isinstance(tables, list)
        for number, table in enumerate(tables if isinstance(tables, list) else [tables]):
            if not isinstance(table, dict):
                continue  # the schema says what it should be
            where = f"{section}[{number}]" if is_list else section
            for old in keys.keys() & table.keys():
                new = keys[old]
                if new in table:
                    raise SettingsError(f"{where}.{old} is now called {new}, and {new} is set too: remove {old}")
                table[new] = table.pop(old)
                notes.append(f"{where}.{old} is now called {new}; the old name works until the next release")
    return sorted(notes)
