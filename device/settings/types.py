"""Types of settings values that several sections share."""

from typing import Annotated, Any

from msgspec import Meta, Struct

Share = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(ge=0, le=86_400)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Port = Annotated[int, Meta(ge=0, le=65_535)]
Colour = Annotated[str, Meta(pattern=r"^#[0-9a-fA-F]{6}\Z")]
OptionalColour = Annotated[str, Meta(pattern=r"^(#[0-9a-fA-F]{6})?\Z")]
Hours = Annotated[str, Meta(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9])?\Z")]
"""`18:00-23:30`; may span midnight."""
NO_NUL = r"^[^\x00]*\Z"  # a path cannot hold a NUL
FilePath = Annotated[str, Meta(pattern=NO_NUL)]
Uuid = Annotated[str, Meta(pattern=r"^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})?\Z")]


def about(description: str, **limits: Any) -> Meta:  # noqa: ANN401 - whatever Meta takes
    """The description of a key for `mien config init`, with its limits."""
    return Meta(description=description, **limits)


class Section(Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file. An unknown key is an error, never ignored."""
