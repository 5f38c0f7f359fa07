"""The measurements as one SVG picture: CPU time over faces as lines, stages and threads as bars."""

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from device.bench.timing import Json
from device.system.terminal import printable

_TEXT_COLOUR, _GRID_COLOUR = "#222222", "#dddddd"
_COLOURS = ("#0b6e99", "#c4540a", "#3c7d3c", "#7a4fa3", "#a8325e", "#6b6b1f")
_WIDTH, _HEIGHT, _MARGIN = 760.0, 320.0, 60.0
_BAR_HEIGHT = 24.0
_MAX_NAME = 28
DRAWN = ("stages", "grid", "process")
"""The parts of a result that are drawn; recordings are, too."""


def draw_svg(result: Json) -> str:
    """Draw the parts of `result`, from `mien bench --json`, one below the other. Returns the text of an SVG file."""
    parts: list[str] = []
    top = 20.0
    if rows := result.get("grid"):
        top = _draw_lines(parts, top, rows)
    stages = [(stage["stage"], stage["cpu_ms"]) for stage in result.get("stages", [])]
    top = _draw_bars(parts, top, "Each step alone: CPU ms", stages)
    for who, load in result.get("process", {}).items():
        threads = list(load["sense_threads_percent"].items())
        top = _draw_bars(parts, top, f"Sense with {who} there: per cent of a core, by thread", threads)
    recordings = [(_shorten(row["path"]), row) for row in result.get("recordings", [])]
    face_cpu = [(name, row["face"]["cpu_ms"]) for name, row in recordings if row["face"]]
    top = _draw_bars(parts, top, "Recordings: CPU ms a frame", face_cpu)
    voice_cpu = [(name, row["voice"]["cpu_ms_per_s"]) for name, row in recordings if row["voice"]]
    top = _draw_bars(parts, top, "Recordings: CPU ms for each second heard", voice_cpu)
    if not parts:
        parts.append(_text(_MARGIN, top + 8, "None of the parts drawn here was measured."))
        top += 30
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:.0f} {top:.0f}" font-family="sans-serif" '
    return "\n".join(
        [f'{head}font-size="13" fill="{_TEXT_COLOUR}">', _box(0, 0, _WIDTH, top, "#ffffff"), *parts, "</svg>\n"]
    )


def _draw_lines(parts: list[str], top: float, rows: Sequence[Json]) -> float:
    """CPU per frame over faces, one line per size and number of threads. Returns the top of the next part."""
    series: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
    for row in rows:
        threads = f", {row['threads']} threads" if row["threads"] > 1 else ""
        series[f"{row['width_px']}x{row['height_px']}{threads}"].append((row["faces"], row["cpu_ms"]))
    maximum = _round_up(max(cpu for points in series.values() for _, cpu in points))
    max_faces = max(faces for points in series.values() for faces, _ in points)
    left, right, bottom = _MARGIN, _WIDTH - 190, top + _HEIGHT - 40

    def at(faces: float, cpu: float) -> tuple[float, float]:
        return left + (right - left) * faces / max_faces, bottom - (bottom - top - 30) * cpu / maximum

    parts.append(_text(left, top + 8, "CPU ms a frame, over faces in view", weight="bold"))
    for step in range(6):
        cpu = maximum * step / 5
        y = at(0, cpu)[1]
        parts.append(f'<path d="M{left:.1f} {y:.1f}H{right:.1f}" stroke="{_GRID_COLOUR}"/>')
        parts.append(_text(left - 8, y + 4, f"{cpu:.2g}", anchor="end"))
    marks = sorted({faces for points in series.values() for faces, _ in points})
    parts += [_text(at(faces, 0)[0], bottom + 18, str(faces), anchor="middle") for faces in marks]
    for number, (name, points) in enumerate(series.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        dashes = ' stroke-dasharray="6 4"' if number >= len(_COLOURS) else ""
        dots = [at(*point) for point in sorted(points)]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in dots)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in dots]
        parts.append(_box(right + 20, top + 26 + 20 * number, 12, 12, colour))
        parts.append(_text(right + 38, top + 36 + 20 * number, name))
    return max(top + _HEIGHT, top + 60 + 20 * len(series))


def _draw_bars(parts: list[str], top: float, title: str, rows: Sequence[tuple[str, float]]) -> float:
    """One bar per row, with its value. Returns the top of the next part. Draws nothing without rows."""
    if not rows:
        return top
    maximum, left = max(value for _, value in rows) or 1.0, 230.0
    parts.append(_text(_MARGIN, top + 8, title, weight="bold"))
    for number, (name, value) in enumerate(rows):
        y = top + 22 + _BAR_HEIGHT * number
        width = (_WIDTH - left - 90) * value / maximum
        parts.append(_text(left - 10, y + 14, name, anchor="end"))
        parts.append(_box(left, y + 2, max(width, 1.0), _BAR_HEIGHT - 7, _COLOURS[0]))
        parts.append(_text(left + width + 8, y + 14, f"{value:.3g}"))
    return top + 22 + _BAR_HEIGHT * len(rows) + 26


def _shorten(path: str) -> str:
    """The end of a recording's name, short enough for the space beside its bar."""
    name = printable(Path(path).name)
    return name if len(name) <= _MAX_NAME else f"…{name[-_MAX_NAME:]}"


def _round_up(value: float) -> float:
    """The end of a scale: the next of 1, 1.5, 2, 2.5, 5 times a power of ten. 1 for zero."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 0.1
    return next(round(power * step, 9) for step in (1, 1.5, 2, 2.5, 5, 10) if power * step >= value)


def _text(x: float, y: float, words: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">{escape(words)}</text>'


def _box(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'
