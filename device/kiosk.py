"""The settings' table [kiosk]: the page on the wall, what it shows, and who may open it."""

import ipaddress
from typing import Annotated

from msgspec import Meta

from device.bounds import FilePath, Hours, Port, Section

Name = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,251}[a-zA-Z0-9])?\Z")]


class Kiosk(Section, frozen=True):
    """The page on the wall."""

    enabled: bool = True
    port: Annotated[Port, Meta(description="0 takes any free one, and prints it.")] = 8137
    listen: Annotated[
        str,
        Meta(
            description="127.0.0.1: this device only. 0.0.0.0, :: (IPv6 too), or one of its addresses: the house too, "
            "with password_file, on the same port; from this device itself it is always http://127.0.0.1 and open."
        ),
    ] = "127.0.0.1"
    names: Annotated[
        tuple[Name, ...],
        Meta(max_length=16, description='What the house calls this device beside its address: "mien.local".'),
    ] = ()
    password_file: Annotated[
        FilePath, Meta(description="Made by `mien kiosk password`; holds a hash of it. A new one ends every session.")
    ] = ""
    certificate_file: Annotated[
        FilePath, Meta(description="TLS for the house: PEM, the whole chain. A renewed one is taken up by itself.")
    ] = ""
    key_file: Annotated[FilePath, Meta(description="Its key, without a password of its own.")] = ""
    night: Annotated[Hours, Meta(description="Local time in which the page is dim; empty: never.")] = "22:30-06:30"
    live_view: Annotated[
        bool,
        Meta(description="The page may show the camera's picture while someone looks; the room sees that it is so."),
    ] = False

    def __post_init__(self) -> None:
        try:
            address = ipaddress.ip_address(self.listen)
        except ValueError:
            raise ValueError(
                f"kiosk.listen is {self.listen!r}: an IP address of this device is needed, e.g. 127.0.0.1 or 0.0.0.0"
            ) from None
        if not address.is_loopback and not self.password_file:
            raise ValueError(
                f"kiosk.listen = {self.listen!r} opens the page to the house: kiosk.password_file is needed too; make "
                "it with: mien kiosk password"
            )
        if bool(self.certificate_file) != bool(self.key_file):
            raise ValueError("kiosk needs certificate_file and key_file together, or neither")

    @property
    def house(self) -> bool:
        """Whether it listens beyond this device."""
        return not ipaddress.ip_address(self.listen).is_loopback
