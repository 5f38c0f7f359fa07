"""The project's own faces: seven emotions, drawn as SVG from a few numbers. No real person is shown.

Brows, lids and mouth follow the prototype of each emotion in action units (AU): Ekman and Friesen (1978), "Facial
Action Coding System".
"""

from typing import NamedTuple

from device.emotions import EMOTIONS, Emotion


class _Pose(NamedTuple):
    """Coordinates in hundredths of the tile; y grows downwards."""

    brow: tuple[float, float, float]
    """How far the inner end, the middle and the outer end are raised."""
    squeeze: float
    """How far the brows are drawn together."""
    upper: float
    """How far the upper lid is above the middle of the eye, and `lower` the lower lid below it."""
    lower: float


_LIP, _DARK, _TEETH, _TONGUE = "currentColor", "#551f27", "#f3efe6", "#c8696b"


def _line(path: str, width: float = 2.0, colour: str = "#0006") -> str:
    return f'<path d="{path}" stroke="{colour}" stroke-width="{width:g}"/>'


def _fill(path: str, colour: str) -> str:
    return f'<path d="{path}" fill="{colour}"/>'


_POSES = {
    # AU 4 brows down and together, 5+7 lids hard, 23+24 lips pressed.
    Emotion.ANGRY: _Pose((-6.5, -1.5, 3.5), 3, 2.6, 2.6),
    # AU 9 nose wrinkled, 10 upper lip up, 17 chin up.
    Emotion.DISGUST: _Pose((-4.5, -1, 0.5), 1.5, 1.8, 1.9),
    # AU 1+2+4 brows up and together, 5 eyes wide, 20 lips stretched, 26 jaw a little open.
    Emotion.FEAR: _Pose((6.5, 3.0, 0.5), 2.5, 6.6, 4.6),
    # AU 6 cheeks up, 12 corners up, 25 lips parted.
    Emotion.HAPPY: _Pose((2.0, 2.8, 1.2), 0, 0, 0),
    # AU 1+4 inner brows up, 15 corners down, 17 chin up; lids heavy.
    Emotion.SAD: _Pose((6.0, 0.0, -4.5), 1.5, 2.2, 3.4),
    # AU 1+2 brows up, 5 eyes wide, 27 jaw dropped.
    Emotion.SURPRISE: _Pose((6.5, 9.0, 6.5), -0.5, 6.4, 5.4),
    Emotion.NEUTRAL: _Pose((0.5, 1.4, 0.4), 0, 4.1, 3.7),
}
_MOUTH = {
    # Folds and cheeks, then the mouth.
    Emotion.ANGRY: _line("M48 40V45.5M52 40V45.5", 1.3)
    + _line("M41 74.5Q50 70.5 59 74.5", 3.4, _LIP)
    + _line("M41.5 79.5Q50 77.5 58.5 79.5", 1.2),
    Emotion.DISGUST: _line("M45.5 49.5L49 51.5M54.5 49.5L51 51.5M45 53L48 54.3M55 53L52 54.3", 1.3)
    + _line("M42.5 60Q37 64 35.5 70M57.5 60Q63 63 64.5 68.5", 1.5)
    + _fill("M38.5 77Q43 69.5 49 71.5Q56 69 60 72.5Q62 76 60.5 78Q51 74.5 38.5 77Z", _LIP)
    + _fill("M42 75.2Q47 71.9 53 73.2Q57 72.5 59 75.2Q51 73.6 42 75.2Z", _TEETH)
    + _line("M45 81.5Q50 79.5 55 81.5", 1.3),
    Emotion.FEAR: _line("M43 30.5Q50 32 57 30.5M45 34Q50 35.3 55 34", 1.1)
    + _fill("M37.5 78.5Q40 71.5 50 72.5Q60 71.5 62.5 78.5Q50 82.5 37.5 78.5Z", _DARK)
    + _fill("M40.5 75Q43 73 50 73.6Q57 73 59.5 75Q50 76.6 40.5 75Z", _TEETH)
    + _line("M37.5 78.5Q40 71.5 50 72.5Q60 71.5 62.5 78.5Q50 82.5 37.5 78.5Z", 1.6, _LIP),
    Emotion.HAPPY: '<g fill="#e0605a55"><circle cx="32" cy="64" r="5.5"/><circle cx="68" cy="64" r="5.5"/></g>'
    + _fill("M36.5 69.5Q50 73.5 63.5 69.5Q61 84 50 84Q39 84 36.5 69.5Z", _DARK)
    + _fill("M38.5 70.3Q50 73.5 61.5 70.3Q61.2 73.2 60 75Q50 77 40 75Q38.8 73.2 38.5 70.3Z", _TEETH)
    + _fill("M43 82Q50 76.5 57 82Q54 84 50 84Q46 84 43 82Z", _TONGUE),
    Emotion.SAD: _line("M47 37.5Q50 36 53 37.5", 1.2)
    + _line("M40 79.5Q50 70.5 60 79.5", 3.2, _LIP)
    + _line("M46 83.5Q50 81.8 54 83.5", 1.3),
    Emotion.SURPRISE: f'<ellipse cx="50" cy="77.5" rx="6.2" ry="8" fill="{_DARK}" stroke="{_LIP}" stroke-width="2"/>'
    + _fill("M45.5 82Q50 78.5 54.5 82Q52.5 84.9 50 84.9Q47.5 84.9 45.5 82Z", _TONGUE),
    Emotion.NEUTRAL: _line("M42 75.5Q50 76.5 58 75.5", 2.8, _LIP),
}


class _Person(NamedTuple):
    skin: str
    hair: str
    style: str
    shirt: str
    tile: str
    tilt_deg: float
    force: float
    """The strength of the expression: 1 is the prototype."""
    more: str = ""
    lip: str = "#97404a"


_BACK = {
    # The hair behind the head.
    "long": "M22 50Q20 16 50 15Q80 16 78 50L82 99H18Z",
    "bob": "M22 48Q20 16 50 15Q80 16 78 48Q81 66 75 72H25Q19 66 22 48Z",
    "bun": "M40 14A10 10 0 1 1 60 14A10 10 0 1 1 40 14ZM24 50Q22 17 50 17Q78 17 76 50Z",
    "curls": "M20 52A8 8 0 0 1 21 38A9 9 0 0 1 28 24A10 10 0 0 1 42 15A10 10 0 0 1 58 15A10 10 0 0 1 72 24"
    "A9 9 0 0 1 79 38A8 8 0 0 1 80 52Z",
    "short": "M24.5 50Q21 17 50 17Q79 17 75.5 50Z",
    "bald": "",
}
_FRONT = {
    # The hair on the forehead.
    "long": "M25 56Q21 18 50 17Q79 18 75 56Q74 35 50 26Q26 35 25 56Z",
    "bob": "M26 46Q24 22 50 18Q76 22 74 46Q73 35 69 31Q50 33 36 27Q28 33 26 46Z",
    "bun": "M26 46Q26 22 50 20Q74 22 74 46Q68 28 50 27Q32 28 26 46Z",
    "curls": "M26 42A6 6 0 0 1 32 31A7 7 0 0 1 43 27A7 7 0 0 1 57 27A7 7 0 0 1 68 31A6 6 0 0 1 74 42L70 20H30Z",
    "short": "M25.5 44Q25 20 52 18Q76 20 74.5 44Q73 34 67 30Q50 29 40 25Q29 32 25.5 44Z",
    "bald": "",
}
_BEARD = "M26.5 58Q28 88 50 90Q72 88 73.5 58Q70 66 62 67.5Q50 64.5 38 67.5Q30 66 26.5 58Z"
_GLASSES = (
    '<g stroke="#23262d" stroke-width="1.6"><circle cx="38" cy="52" r="9"/><circle cx="62" cy="52" r="9"/>'
    '<path d="M47 51Q50 49.5 53 51"/></g>'
)

_PEOPLE = (
    _Person("#e9bf9d", "#4a3328", "short", "#4f6d7a", "#2a3d49", -2, 1.0),
    _Person("#9a6546", "#2c201d", "curls", "#8a6f4d", "#3b352a", 3, 1.0, lip="#7c2e38"),
    _Person("#f0cfb4", "#b06f3c", "long", "#5b7a5f", "#2b3d34", 2, 0.92),
    _Person("#c68f64", "#2b211d", "bun", "#7a5670", "#3d3041", -3, 1.05),
    _Person("#e3b28c", "#8c8f96", "bald", "#556080", "#2d3347", 1, 0.95, "beard"),
    _Person("#7d5139", "#241b19", "short", "#6a7f4f", "#323c2b", -1, 1.05, lip="#bd7670"),
    _Person("#f2d6bf", "#d9b26a", "bob", "#7b5a5a", "#423235", 3, 1.0),
    _Person("#d6a47c", "#3a2a22", "bob", "#4d6f86", "#29404f", -3, 1.1, "glasses"),
    _Person("#a9714c", "#33231d", "long", "#86744a", "#3d3729", -2, 1.0, lip="#81303a"),
    _Person("#edc6a6", "#c9c6c0", "bun", "#5a6b8a", "#2f364a", 2, 0.9, "glasses"),
    _Person("#b98058", "#2c201b", "short", "#6d5a80", "#383149", 2, 0.95, "beard"),
    _Person("#6f4935", "#1f1715", "bun", "#4f7a78", "#2a4242", -2, 0.95, lip="#b56d6a"),
)
VARIANTS = len(_PEOPLE)
"""The number of people."""


def draw(emotion: Emotion, variant: int) -> str:
    """The SVG text, under 2 KB, of person 0..VARIANTS-1 showing one of the seven emotions. Always the same drawing.

    Raises KeyError for `unknown`, and IndexError for an unknown person.
    """
    if emotion in EMOTIONS and emotion not in _POSES:
        emotion = Emotion.NEUTRAL  # a new emotion is shown by a neutral face until it is drawn
    pose, person = _POSES[emotion], _PEOPLE[variant]
    features = [
        _fill(_BEARD, person.hair) if person.more == "beard" else "",
        _eyes(emotion, pose, person),
        _line("M50 54Q46.5 61 47.5 63.5Q50 65.2 52.5 63.5", 1.6),
        _MOUTH[emotion],
        _brows(pose, person),
        _GLASSES if person.more == "glasses" else "",
    ]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="2 2 96 96">'
        f'<rect width="100" height="100" fill="{person.tile}"/>'
        '<g fill="none" stroke-linecap="round" stroke-linejoin="round">'
        f"{_fill('M8 100Q12 88 38 86H62Q88 88 92 100Z', person.shirt)}"
        f'<g color="{person.lip}" transform="rotate({person.tilt_deg:g} 50 90)">'
        f"{_fill(_BACK[person.style], person.hair)}"
        f"{_fill('M40 78H60V90Q50 96 40 90Z', person.skin)}{_fill('M40 84Q50 92 60 84V87Q50 94 40 87Z', '#0002')}"
        f'<g fill="{person.skin}"><circle cx="25.5" cy="55" r="4.5"/><circle cx="74.5" cy="55" r="4.5"/></g>'
        f"{_fill('M26 48Q26 21 50 21Q74 21 74 48Q74.5 88 50 88.5Q25.5 88 26 48Z', person.skin)}"
        f"{_fill(_FRONT[person.style], person.hair)}{''.join(features)}</g></g></svg>"
    )


def _eyes(emotion: Emotion, pose: _Pose, person: _Person) -> str:
    if emotion is Emotion.HAPPY:  # raised cheeks close the eyes to arcs
        return _line("M32 53.5Q38 45.5 44 53.5M56 53.5Q62 45.5 68 53.5", 2.4, "#222")
    up, down = (max(3.6 + (lid - 3.6) * person.force, 1.4) for lid in (pose.upper, pose.lower))
    # Anger pulls the lid's inner end down, sadness up.
    slant = 0.28 * pose.brow[0] - 0.28 * pose.brow[2] if pose.upper < 4 else 0.0
    iris = 3.2 if pose.upper > 5 else 3.6
    eyes = []
    for x, side in ((38, -1), (62, 1)):
        outer, out, inn, inner = (x + side * apart for apart in (6.6, 4, -4, -6.6))
        low = 52 + 1.35 * down
        high_out, high_in = (52 - 1.35 * up + half * slant for half in (0.5, -0.5))
        lid = f"M{outer:g} 52C{out} {high_out:.4g} {inn} {high_in:.4g} {inner:g} 52"
        tall = min(iris, (up + down) / 2)
        middle = 52 + (down - up) / 2 if tall < iris else 52
        eyes += [
            _fill(f"{lid}C{inn} {low:.4g} {out} {low:.4g} {outer:g} 52Z", "#f6f2ea"),
            f'<ellipse cx="{x}" cy="{middle:.4g}" rx="{iris:g}" ry="{tall:.3g}" fill="#222"/>',
            _line(lid, 1.8, "#222"),
        ]
    return "".join(eyes)


def _brows(pose: _Pose, person: _Person) -> str:
    inner, middle, outer = (person.force * v for v in pose.brow)
    squeeze = person.force * pose.squeeze
    path = "".join(
        f"M{50 - side * (6.8 - squeeze):.4g} {42 - inner:.4g}"
        f"Q{50 - side * 12.5:g} {39 - middle:.4g} {50 - side * 19.5:g} {41.5 - outer:.4g}"
        for side in (1, -1)
    )
    return _line(path, 3, "#3b3230" if person.style == "bald" else person.hair)
