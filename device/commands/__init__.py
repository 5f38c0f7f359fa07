"""The commands, one module each: `run(arguments)` does the work, ARGUMENTS says what a command line may hold.

Commands may import both `sense` and `hub`. Nothing but device/cli.py imports commands.
"""

import argparse
from pathlib import Path
from typing import Any

Arguments = dict[str, dict[str, Any]]
"""Name of an argument or option -> what argparse's add_argument takes."""


def switch(description: str) -> dict[str, Any]:
    """An option without a value."""
    return {"action": "store_true", "help": description}


def parse_path(text: str) -> Path:
    """A path argument. An empty one is refused: it usually is an unset variable, and Path("") means this folder."""
    if not text:
        raise argparse.ArgumentTypeError("a path cannot be empty")
    return Path(text)


JSON = switch("print JSON")
CROP = switch("the pictures are already cropped to a face: skip the search for faces")
DRY_RUN = switch("log the actions of the rules, but send none")
