"""Mien's exceptions. A message says what is wrong, where, and what to do about it."""


class MienError(Exception):
    """The base class: the user sees its message and no traceback."""


class SettingsError(MienError):
    """The settings cannot be used; the message names file, key, value and what is allowed."""


class ModelError(MienError):
    """A model (.tflite and .json) fails one of its checks."""


class DeviceError(MienError):
    """A camera or microphone cannot be opened, or has stopped delivering."""


class EndOfMedia(DeviceError):  # noqa: N818 - an end is no error
    """A file that is used as a device has been played to its end."""


class MediaError(MienError):
    """A picture, sound or video file cannot be read."""


class LinkError(MienError):
    """A message between `sense` and `hub` is malformed, too long or out of order."""


class ActionError(MienError):
    """A destination (lamp, player, broker) did not accept what was sent."""
