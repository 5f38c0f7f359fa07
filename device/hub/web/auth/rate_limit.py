"""The refusal of a client that asks too often."""

import math

from device.errors import MienError


class TooManyError(MienError):
    """Too many requests; `wait_s` is when to try again."""

    def __init__(self, wait_s: float) -> None:
        self.wait_s = max(1, math.ceil(wait_s))
        super().__init__(f"too many requests; try again in {self.wait_s} s")
