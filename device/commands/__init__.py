"""The commands, one module each: `add_arguments(parser)` declares the arguments, `run(arguments)` does the work.

Commands may import both `sense` and `hub`. Nothing but device/cli.py imports commands.
"""

import argparse
from pathlib import Path


def parse_path(text: str) -> Path:
    """A path argument. An empty one is refused: it usually is an unset variable, and Path("") means this folder."""
    if not text:
        raise argparse.ArgumentTypeError("a path cannot be empty")
    return Path(text)
