"""The command line. Each command is a module of device/commands, which has its arguments and what it does."""

import argparse
import errno
import importlib
import io
import logging
import os
import sys
from typing import Any

from device import __version__
from device.commands import parse_path
from device.errors import MienError
from device.system.terminal import OneLineFormatter, printable

COMMANDS = {
    "run": "run Mien in the foreground, with the camera and microphone of the settings",
    "sense": "run only the process with camera and microphone (systemd starts this)",
    "hub": "run only the process with network, history and page (systemd starts this)",
    "demo": "try Mien without hardware, network or broker: a simulated camera and microphone feed the real pipeline",
    "analyze": "read emotion from pictures, sound files, videos or folders, offline",
    "bench": "measure how fast each stage runs on this device, or how long your recordings take",
    "doctor": "check the installation and say how to fix what is wrong; exit status 1 if the service could not work",
    "config": "write, check or show the settings file",
    "history": "show or delete recorded moods, actions and gaps",
    "rules": "explain the rules, or say what they would do",
    "baseline": "record what relaxed faces and voices look and sound like here",
    "gallery": "choose the faces that answer a voice on the page; without arguments, show the current ones",
    "camera": "let the service reach an IP camera, or no longer",
    "hue": "pair a Hue bridge",
    "kiosk": "set the password of the page",
    "models": "list, install or roll back models",
}
"""Command -> its line in `mien --help`. The module device.commands.COMMAND has ARGUMENTS and `run`."""
_WRITE_ERRORS = {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""Errors of a stdout that cannot be written: its reader left, the disk is full, a limit is hit, no terminal."""


class _CommandParser(argparse.ArgumentParser):
    """The parser of one command. It imports the command's module only when that command is on the command line.

    So `mien sense` loads nothing that it must not have, such as a network library, and every command starts quickly.
    """

    command = ""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # noqa: ANN401 - argparse's signature
        module = importlib.import_module(f"device.commands.{self.command}")
        exclusive = getattr(module, "EXCLUSIVE", ())
        group = self.add_mutually_exclusive_group() if exclusive else self
        for name, options in module.ARGUMENTS.items():
            (group if name in exclusive else self).add_argument(name, **options)
        self.set_defaults(run=module.run)
        return super().parse_known_args(args, namespace)


def _build_parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--settings", type=parse_path, help="the settings file (default: ~/.config/mien/mien.toml)")
    common.add_argument("--log", choices=["debug", "info", "warning", "error"], help="log level (default: info)")
    about = "Mien lets a room respond to how the people in it feel."
    parser = argparse.ArgumentParser("mien", description=about, parents=[common])
    parser.add_argument("--version", action="version", version=f"mien {__version__}")
    parsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_CommandParser)
    for name, help_line in COMMANDS.items():
        command = parsers.add_parser(name, help=help_line, description=help_line, parents=[common])  # type: ignore[list-item] # any parser can be a parent
        command.command = name
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run a command. Exit status: 1 after a MienError or a full disk, 2 for wrong use, 130 on Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # None if it was closed
            # Print what the terminal's encoding lacks as an escape, rather than fail.
            stream.reconfigure(errors="backslashreplace")
    try:
        # Inside the try, because parsing imports the command: on a Raspberry Pi, that is when many press Ctrl-C.
        arguments = _build_parser().parse_args(argv, argparse.Namespace(settings=None, log="info"))
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(OneLineFormatter("%(asctime)s %(name)s: %(message)s", "%H:%M:%S"))
        logging.basicConfig(level=arguments.log.upper(), handlers=[handler])
        status: int = arguments.run(arguments)
        if sys.stdout:
            sys.stdout.flush()  # so that a write error is handled here, and not while Python exits
    except MienError as error:
        print(f"mien: {printable(str(error))}", file=sys.stderr)  # noqa: T201 - the console is a command's output
        return 1
    except OSError as error:
        if error.errno not in _WRITE_ERRORS or error.filename is not None:
            raise
        logging.getLogger(__name__).debug("stdout cannot be written", exc_info=True)
        if sys.stdout:  # so that what is left in its buffer does not fail once more while Python exits
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, sys.stdout.fileno())
            os.close(devnull)
        if error.errno != errno.EPIPE:  # a reader that left, such as `head`, is no error
            print(f"mien: the output cannot be written ({error.strerror})", file=sys.stderr)  # noqa: T201 - as above
        return 1
    except KeyboardInterrupt:
        return 130
    return status


if __name__ == "__main__":
    sys.exit(main())
