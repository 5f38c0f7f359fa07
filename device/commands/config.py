"""`mien config init / check / show`."""

import argparse
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
from msgspec import Meta

from device.commands.ask import ask
from device.errors import MienError, SettingsError
from device.hub.rule_words import explain
from device.hub.trial import try_start
from device.settings import Settings, default_path, load
from device.toml_value import MOMENTS, toml_value

_HEAD = """\
# Mien's settings. Every key may be left out; what stands here after a # is its default.
# After a change: mien config check
"""


def run(arguments: argparse.Namespace) -> int:
    """Write, check or show the settings file."""
    path = arguments.settings or default_path()
    if arguments.what == "init":
        _init(path, force=arguments.force)
        print(f"wrote {path}; every key in it is commented out, with its default and what is allowed")
        return 0
    settings = load(arguments.settings)
    if arguments.what == "show":
        print(as_toml(settings, commented=False), end="")
        return 0
    late: list[str] = []
    try:
        # Where the page of a Mien that runs listens, nobody else can.
        try_start(settings, page=not _runs(settings), late=late.append)
    except MienError as error:
        raise SettingsError(f"{path}: {error}") from error
    print(f"{path}: fine" if path.exists() else f"{path} is not there: the defaults hold")
    for why in late:
        print(f"  for now, {why}; it is waited for")
    for rule in settings.rules:
        print(f"  {rule.name}: {explain(rule)}")
    return 0


def _runs(settings: Settings) -> bool:
    """A Mien answers where these settings have the page: the port is taken, and not by somebody else."""
    try:
        told = ask(settings, "/api/state")
    except MienError:
        return False
    return isinstance(told, dict) and "sense" in told


def _init(path: Path, *, force: bool) -> None:
    try:
        if path.exists() and not force:
            raise SettingsError(
                f"{path} is there already; nothing was changed. To write over it: mien config init --force"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(as_toml(Settings(), commented=True), encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written ({error.strerror}); name another with --settings") from error


def as_toml(settings: Settings, *, commented: bool) -> str:
    """The settings as TOML; `commented` puts each key behind a #, under its sentence and its bounds."""
    mark = "# " if commented else ""
    lines = [_HEAD] if commented else []
    for name in settings.__struct_fields__:
        section = getattr(settings, name)
        if name == "rules":
            lines += _rules_lines(msgspec.to_builtins(section, builtin_types=MOMENTS), mark)
            continue
        if commented and section.__doc__:
            lines.append(f"# {section.__doc__}")
        lines.append(f"[{name}]")
        hints = get_type_hints(type(section), include_extras=True)
        for key in section.__struct_fields__:
            if commented and (about := _about(hints[key])):
                lines.append(f"# {about}")
            lines.append(f"{mark}{key} = {toml_value(getattr(section, key))}")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _about(hint: Any) -> str:  # noqa: ANN401 - a type annotation is of any type
    metas = [part for part in get_args(hint) if isinstance(part, Meta)]
    said = [m.description for m in metas if m.description]
    for meta in metas:
        bounds = [("at least", meta.ge), ("over", meta.gt), ("at most", meta.le)]
        said += [f"{word} {bound:g}" for word, bound in bounds if bound is not None]
    choices = [str(a) for part in (hint, *get_args(hint)) for a in get_args(part) if isinstance(a, str | int)]
    if choices:
        said.append("one of " + ", ".join(choices))
    return "; ".join(s.rstrip(".") for s in said) + "." if said else ""


def _rules_lines(rules: list[dict[str, Any]], mark: str) -> list[str]:
    lines = []
    for rule in rules:
        lines.append(f"{mark}[[rules]]")
        lines += [f"{mark}{key} = {toml_value(value)}" for key, value in rule.items()]
        lines.append("")
    return lines
