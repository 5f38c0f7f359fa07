"""The one exception root. A message says what was wrong, where, and what to do about it."""


class MienError(Exception):
    """Anything that Mien says to its user instead of a traceback."""


class SettingsError(MienError):
    """A settings file that cannot be used; the message names file, key, value and what is allowed."""


class ModelError(MienError):
    """A model pair (.tflite and .json) that fails one of its checks."""


class DeviceError(MienError):
    """A camera or microphone that cannot be opened, or stopped giving anything."""


class EndOfMedia(DeviceError):  # noqa: N818 - an end is no error
    """A file that stands in for a device has been played to its end."""


class MediaError(MienError):
    """A picture, sound or video file that cannot be read."""


class LinkError(MienError):
    """A message at the door that is malformed, too long or out of turn."""


class ActionError(MienError):
    """A destination (lamp, player, broker) that did not take what was sent."""
