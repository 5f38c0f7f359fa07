"""The commands: what each takes. What each does is in device/commands, one file a command."""

import argparse
import errno
import importlib
import io
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

from device import __version__
from device.errors import MienError
from device.system.terminal import printable

_UNWRITTEN = {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""Why stdout takes no more: a reader that left, a full disk, a limit, a terminal that is gone."""


def _common() -> argparse.ArgumentParser:
    """What every command takes, before its name or behind it."""
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--settings", type=_path, help="the settings file (default: ~/.config/mien/mien.toml)")
    common.add_argument(
        "--log", choices=["debug", "info", "warning", "error"], help="how much is logged (default: info)"
    )
    return common


def _path(text: str) -> Path:
    """A path of the command line. An empty one is a variable that was not set, and Path takes it for this folder."""
    if not text:
        raise argparse.ArgumentTypeError("a path cannot be empty")
    return Path(text)


def _parser() -> argparse.ArgumentParser:
    about = "A room that responds to how the people in it feel."
    common = _common()
    parser = argparse.ArgumentParser(prog="mien", description=about, parents=[common])
    parser.add_argument("--version", action="version", version=f"mien {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, about: str, module: str | None = None) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=about, description=about, parents=[common])
        added.set_defaults(module=module or name)
        return added

    both = command("run", "both processes, in the foreground, on the camera and microphone of the settings")
    command("sense", "eyes and ears alone: what systemd starts", "run:sense")
    hub = command("hub", "hands, memory and display alone: what systemd starts", "run:hub")
    for one in (both, hub):
        one.add_argument("--dry-run", action="store_true", help="rules fire and are told; no action is sent anywhere")
    demo = command("demo", "no hardware, network or broker needed: the stand-in performs in front of the real sense")
    demo.add_argument("--seconds", type=float, help="end by itself after so long (default: at Ctrl-C)")
    demo.add_argument("--no-browser", action="store_true", help="print the page's address only")

    analyze = command("analyze", "read pictures, sounds, videos or folders of them, offline")
    analyze.add_argument("paths", nargs="+", type=_path, metavar="PATH")
    analyze.add_argument("--json", action="store_true", help="one JSON object a line")
    analyze.add_argument("--crop", action="store_true", help="a picture is a face already")
    analyze.add_argument("--senses", default="face,voice", help="face, voice or face,voice (default)")

    _add_bench(command)
    doctor = command("doctor", "every check with its fix; exit status 1 if the service could not work")
    doctor.add_argument("--json", action="store_true")

    config = command("config", "the settings file")
    config.add_argument("what", choices=["init", "check", "show"])
    config.add_argument("--force", action="store_true", help="init: write over an existing file")
    history = command("history", "what was remembered: moods, actions, and the gaps between")
    history.add_argument("what", nargs="?", choices=["show", "forget"], default="show", help="forget: for good")
    history.add_argument("--since", help="2h, 3d, a date or a time (show: default 1d)")
    history.add_argument("--all", action="store_true", help="forget: everything")
    history.add_argument("--csv", action="store_true")
    rules = command("rules", "what the rules would do")
    rules.add_argument("what", choices=["try", "show"])
    rules.add_argument("question", nargs="?", help='"sad for 2m at 21:30"')
    baseline = command("baseline", "the household's neutral: how its faces and voices read at rest")
    baseline.add_argument("what", choices=["record", "show", "clear"], help="record: a minute at rest, in view")
    gallery = command("gallery", "the faces on the page that answer to a voice; alone, it tells what there is")
    source = gallery.add_mutually_exclusive_group()
    source.add_argument("folder", nargs="?", type=_path, metavar="FOLDER", help="of pictures with a face in each")
    source.add_argument("--clear", action="store_true", help="back to the drawn faces")
    gallery.add_argument("--crop", action="store_true", help="a picture is a face already")
    gallery.add_argument("--json", action="store_true")
    _add_secrets(command)
    models = command("models", "the model pairs in use")
    models.add_argument(
        "what",
        choices=["list", "install", "rollback", "fetch"],
        help="install: another pair; rollback: to the one before; fetch: MediaPipe's face detectors, by hash",
    )
    models.add_argument(
        "subject",
        nargs="?",
        metavar="FILE|NAME",
        help="install: NAME.tflite, NAME.json (the other one beside it), a zip or folder; rollback: the model's name",
    )
    models.add_argument("--json", action="store_true")
    return parser


def _add_bench(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """What is measured, for how long, and how it is told."""
    bench = command("bench", "time every stage and the whole on this device, or what recordings take on it")
    bench.add_argument("paths", nargs="*", type=_path, metavar="PATH", help="pictures, videos and sounds of your own")
    bench.add_argument("--json", action="store_true")
    bench.add_argument("--seconds", type=float, default=0.5, help="for each stage; streams are longer (default: 0.5)")
    bench.add_argument("--full", action="store_true", help="every cell of the grid, streams, recordings to their end")
    bench.add_argument("--parts", metavar="PART,...", help="of stages, face, voice, networks, grid, process, streams")
    bench.add_argument("--plot", type=_path, metavar="FILE.svg", help="what was measured, as a picture")


def _add_secrets(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """What makes a secret file for the settings."""
    hue = command("hue", "a Hue bridge")
    hue.add_argument("what", choices=["pair"], help="pair: its button is pressed, and a key kept")
    hue.add_argument("address", metavar="ADDRESS", help="of the bridge in the house")
    hue.add_argument("--port", type=int, default=443, help="default: 443")
    hue.add_argument("--file", type=_path, help="where the key is kept (default: hue.json beside the settings)")
    kiosk = command("kiosk", "the page on the wall")
    kiosk.add_argument("what", choices=["password"], help="password: what the house opens the page with")
    kiosk.add_argument("--file", type=_path, help="for its hash (default: kiosk-password.json beside the settings)")


def main(argv: list[str] | None = None) -> int:
    """Run the command; 1 and one line on a MienError or a full disk, 2 on wrong use, 130 on Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # None where it was closed
            # A name that is no UTF-8, or a terminal that knows ASCII only, is no reason to say nothing at all.
            stream.reconfigure(errors="backslashreplace")
    arguments = _parser().parse_args(argv, argparse.Namespace(settings=None, log="info"))
    logging.basicConfig(
        level=arguments.log.upper(), stream=sys.stderr, format="%(asctime)s %(name)s: %(message)s", datefmt="%H:%M:%S"
    )
    try:
        module, _, function = arguments.module.partition(":")
        run = getattr(importlib.import_module(f"device.commands.{module}"), function or "run")
        status: int = run(arguments)
        if sys.stdout:
            sys.stdout.flush()  # what cannot be written is told here, and not while Python ends
    except MienError as error:
        print(f"mien: {printable(str(error))}", file=sys.stderr)  # noqa: T201 - the console is a command's output
        return 1
    except OSError as error:
        if error.errno not in _UNWRITTEN or error.filename is not None:
            raise
        logging.getLogger(__name__).debug("what could not be written", exc_info=True)
        _say_no_more()
        if error.errno != errno.EPIPE:  # who leaves early wants to hear no more
            print(f"mien: the output cannot be written ({error.strerror})", file=sys.stderr)  # noqa: T201 - as above
        return 1
    except KeyboardInterrupt:
        return 130
    return status


def _say_no_more() -> None:
    """What is left in stdout's buffer would fail once more while Python ends."""
    if sys.stdout:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
