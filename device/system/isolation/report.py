"""What `sense` found when it tested its own wall."""

from enum import StrEnum
from typing import Annotated

import msgspec

from device.system.text import Line, to_line


class Gap(StrEnum):
    """A way out that the proof found open."""

    NETWORK = "network"
    """It sees an interface that is not loopback, or an address can be reached."""
    SOCKETS = "sockets"
    """A Unix socket of another program can be connected to."""
    ABSTRACT_SOCKETS = "abstract sockets"
    """An abstract Unix socket of another program can be connected to."""
    FAMILIES = "socket families"
    """A socket of another kind can be made: to the host of a virtual machine (AF_VSOCK), Bluetooth, raw packets."""
    NAMESPACES = "namespaces"
    """A new namespace can be made or entered, and with it new rights gained."""
    DEVICE_NODES = "device nodes"
    """A device node can be made, or a disk opened."""
    OTHER_PROCESSES = "other processes"
    """The memory or the files of another process can be reached."""
    FILES = "files"
    """Files outside of the state folder can be written, such as programs that run at the next login."""
    CAPABILITIES = "capabilities"
    """It holds a capability of root."""
    CORE_FILES = "core files"
    """A crash would write what it saw to the disk, or another process may read its memory."""


_Interface = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,15}\Z")]


class Isolation(msgspec.Struct, frozen=True):
    """What `sense` found when it tested its own isolation."""

    enforced: bool
    """True if the proof found no way out: `gaps` is empty."""
    interfaces: Annotated[tuple[_Interface, ...], msgspec.Meta(max_length=16)]
    refused: Line
    """The error of a connection to the test network 192.0.2.0/24, or `connected`."""
    detail: Line
    """For a person: what isolates it, or why nothing does."""
    gaps: Annotated[tuple[Gap, ...], msgspec.Meta(max_length=len(Gap))] = ()
    """The ways that are open."""

    def __post_init__(self) -> None:
        for name in ("refused", "detail"):
            msgspec.structs.force_setattr(self, name, to_line(getattr(self, name)))

    def describe(self) -> str:
        """Its gaps and what isolates it, in one line."""
        if self.enforced:
            return self.detail
        return f"not closed: {', '.join(self.gaps) or 'unknown'} ({self.detail})"
