"""How Mien starts a Python of its own."""

import sys


def python_command(*arguments: str) -> list[str]:
    """The command line of this Python with `arguments`, such as `-m`, `device.cli`, `sense`.

    Without `-P`, Python would look for modules in the working folder first, and run what somebody has put there under
    the name of one of ours.
    """
    return [sys.executable, "-P", *arguments]
