"""The report on ordinary life: a table over `mood.min_confidence`, and the same as a picture.

    python -m convert ordinary-life

The simulation takes half an hour, so its result is saved as JSON, and `python -m convert evaluate` reads it there.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from scipy.stats import chi2

from convert.ordinary_life.curve import Curve, Point
from convert.ordinary_life.measure import Delays, pool_delays
from convert.ordinary_life.script import SENSES
from convert.report.tables import format_table

Json = dict[str, Any]

DOCS = Path("docs")
RESULT, PICTURE, PAGE = "ordinary-life.json", "ordinary-life.svg", "REPORT.md"
TITLE = "## Ordinary life: false triggers, and the delay until a real mood is acted on"
_SECTION = re.compile(rf"{re.escape(TITLE)}\n.*?(?=\n## |\Z)", re.DOTALL)
_WIDTH, _HEIGHT = 760.0, 340.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 70.0, 690.0, 50.0, 280.0
_FALSE, _DELAY, _SHARE = "#c4540a", "#0b6e99", "#3c7d3c"


def as_json(curve: Curve) -> Json:
    """Everything that the section shows, as plain numbers."""
    return {
        "default": curve.default,
        "skipped": curve.skipped,
        "hours": curve.points[0].false.hours,
        "moody_hours": curve.moody_hours,
        "episodes": pool_delays(curve.points[0].delays.values()).episodes,
        "points": [_point_as_json(point) for point in curve.points],
    }


def _point_as_json(point: Point) -> Json:
    delays: dict[str, Delays] = {"all": pool_delays(point.delays.values())}
    delays |= {sense: point.delays[sense] for sense in SENSES}
    return {
        "min_confidence": point.min_confidence,
        "false_per_hour": round(point.false.per_hour, 3),
        "by_rule": dict(sorted(point.false.by_rule.items())),
        "departures": [point.false.wrong_departures, point.false.departures],
        "delays": {
            name: {
                "median_s": round(one.median_s, 1) if one.acted_s else None,
                "acted_percent": round(one.share, 1),
                "wrong_percent": round(100 * one.wrong / max(one.episodes, 1), 1),
            }
            for name, one in delays.items()
        },
    }


def section(result: Json) -> str:
    """The section of docs/REPORT.md."""
    head = (
        "`mood.min_confidence`",
        "false triggers an hour",
        "median delay, s",
        "acted on, %",
        "both senses: delay, %",
        "face alone",
        "voice alone",
        "another rule acted, %",
        "wrong mood after a departure",
    )
    rows = []
    for point in result["points"]:
        delays = point["delays"]
        mark = " (default)" if point["min_confidence"] == result["default"] else ""
        rows.append(
            (
                f"{point['min_confidence']:.2f}{mark}",
                _rate(sum(point["by_rule"].values()), result["hours"]),
                _seconds(delays["all"]),
                f"{delays['all']['acted_percent']:.0f}",
                *(f"{_seconds(delays[sense])}, {delays[sense]['acted_percent']:.0f}" for sense in SENSES),
                f"{delays['all']['wrong_percent']:.0f}",
                "{} of {}".format(*point["departures"]),
            )
        )
    skipped = "".join(f"\nSkipped: {reason}.\n" for reason in result["skipped"])
    return (
        f"{TITLE}\n\n"
        f"`python -m convert ordinary-life --hours {result['hours']} --moody-hours {result['moody_hours']}` simulates "
        f"{result['hours']} hours in which nobody has a mood to act on: "
        "calm test faces of FER2013 and webfaces and people without a label come, turn, talk and go; spoken orders, "
        "held-out household sounds and silence. In further hours "
        f"{result['episodes']} outbursts of 30 s are shown by test faces, test voices or both. Everything runs through "
        "the device's readers, fusion, smoothing and the default rules on a simulated clock. Faces are not detected in "
        "a room: the pictures are cropped, so the detector finds each once and the device's alignment frames "
        "it, with the jitter of its looks. In an ordinary hour every rule that fires is false, unless it is for "
        "neutral; only happiness does not count while somebody from `people`, who may smile, is in view. Delays are "
        "medians of the outbursts that were acted on. Intervals are 95 %, over events; one person may cause several, "
        "so they are rather too narrow. The settings were chosen on the other half of the people, voices "
        "and sounds.\n\n"
        "![False triggers and delays over the threshold](ordinary-life.svg)\n\n" + format_table(head, rows) + skipped
    )


def _rate(count: int, hours: int) -> str:
    """Events an hour with the 95 % interval of a Poisson distribution (Garwood 1936)."""
    low, high = (chi2.ppf(0.025, 2 * count) / 2 if count else 0.0), chi2.ppf(0.975, 2 * count + 2) / 2
    return f"{count / hours:.2f} ({low / hours:.2f}–{high / hours:.2f})"


def _seconds(delay: Json) -> str:
    return "–" if delay["median_s"] is None else f"{delay['median_s']:.1f}"


def read_section(docs: Path = DOCS) -> str:
    """The section from the saved result; empty without one."""
    path = docs / RESULT
    return section(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else ""


def write(curve: Curve, docs: Path = DOCS) -> str:
    """Save the result and its picture in `docs`, and replace the section of its report; returns the section."""
    result = as_json(curve)
    text = section(result)
    docs.mkdir(parents=True, exist_ok=True)
    (docs / RESULT).write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (docs / PICTURE).write_text(draw_svg(result), encoding="utf-8")
    page = docs / PAGE
    if page.exists():
        page.write_text(put_section(page.read_text(encoding="utf-8"), text), encoding="utf-8")
    return text


def put_section(page: str, text: str) -> str:
    """`page` with its section replaced by `text`, or with `text` before the last section."""
    if _SECTION.search(page):
        return _SECTION.sub(lambda _: text, page, count=1)
    last = page.rfind("\n## ")
    return f"{page[: last + 1]}{text}\n{page[last + 1 :]}" if last >= 0 else f"{page}\n{text}"


def draw_svg(result: Json) -> str:
    """Draw false triggers an hour (left scale) and delays and shares (right scales) over the threshold."""
    points = result["points"]
    thresholds = [point["min_confidence"] for point in points]
    false = [point["false_per_hour"] for point in points]
    delays = [point["delays"]["all"]["median_s"] for point in points]
    shares = [point["delays"]["all"]["acted_percent"] for point in points]
    max_false = max([1.0, *false])
    max_delay = max([10.0, *(delay for delay in delays if delay is not None)])
    parts = [_text(_LEFT, 24, "Over mood.min_confidence, with the default rules", weight="bold")]
    for step in range(6):
        y = _BOTTOM - (_BOTTOM - _TOP) * step / 5
        parts.append(f'<path d="M{_LEFT:.1f} {y:.1f}H{_RIGHT:.1f}" stroke="#dddddd"/>')
        parts.append(_text(_LEFT - 8, y + 4, f"{max_false * step / 5:.2g}", _FALSE, "end"))
        parts.append(_text(_RIGHT + 8, y + 4, f"{max_delay * step / 5:.2g}", _DELAY))
    low, high = min(thresholds), max(thresholds)
    x_scale = [_LEFT + (_RIGHT - _LEFT) * (t - low) / ((high - low) or 1.0) for t in thresholds]
    for x, threshold in zip(x_scale, thresholds, strict=True):
        is_default = threshold == result["default"]
        weight = "bold" if is_default else "normal"
        parts.append(_text(x, _BOTTOM + 18, f"{threshold:.2g}", anchor="middle", weight=weight))
        if is_default:
            parts.append(f'<path d="M{x:.1f} {_TOP:.1f}V{_BOTTOM:.1f}" stroke="#888888" stroke-dasharray="3 3"/>')
    parts += _line(x_scale, false, max_false, _FALSE)
    parts += _line(x_scale, delays, max_delay, _DELAY)
    parts += _line(x_scale, shares, 100.0, _SHARE, ' stroke-dasharray="6 4"')
    legend = (
        ("false triggers an hour (left)", _FALSE),
        ("median delay in s (right)", _DELAY),
        ("acted on at all, top = 100 %", _SHARE),
    )
    for number, (words, colour) in enumerate(legend):
        parts.append(_text(_LEFT + 220 * number, _BOTTOM + 46, words, colour))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" font-family="sans-serif" '
    white = f'<rect width="{_WIDTH:.0f}" height="{_HEIGHT:.0f}" fill="#ffffff"/>'
    return "\n".join([f'{head}font-size="13" fill="#222222">', white, *parts, "</svg>\n"])


def _line(
    x_scale: list[float], values: Iterable[float | None], maximum: float, colour: str, dash: str = ""
) -> list[str]:
    dots = [
        (x, _BOTTOM - (_BOTTOM - _TOP) * value / maximum)
        for x, value in zip(x_scale, values, strict=True)
        if value is not None
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in dots)
    drawn = [f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>']
    return drawn + [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in dots]


def _text(
    x: float, y: float, words: str, colour: str = "#222222", anchor: str = "start", *, weight: str = "normal"
) -> str:
    style = f'fill="{colour}" text-anchor="{anchor}" font-weight="{weight}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(words)}</text>'
