"""One check of `mien doctor` and of the page's set-up view."""

import msgspec


class Check(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result of one check. In JSON, `name` is `check` and `message` is `said`."""

    name: str = msgspec.field(name="check")
    ok: bool | None
    """None: worth knowing, but no obstacle."""
    message: str = msgspec.field(name="said")
    fix: str = ""
