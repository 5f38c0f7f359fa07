"""The report's table of the generations of the committed face networks."""

from convert.report.tables import format_table

_WHY = """Made by `python -m convert train face`, or `face-as-published` for the network as published and for L to P, \
with `--start` from the second column, `--teachers` and `--ferplus-teachers` from the third, and the options of the \
last. On PublicTest the shipped network went from 69.0 (softened) to 70.3, 70.5 and 70.6, and the network as published \
from 71.6 and, by FER+, 87.7 (K) to 71.6 and 89.4."""
_ROWS = (
    ("A, of both", "softened", "none", "--hard 1 --epochs 30 --learning-rate 0.05 --calm-from 0.5"),
    ("K, of both", "A", "softened, A", "--taught 0.5 --hard 1 --epochs 20 --learning-rate 0.03 --calm-from 0.3"),
    ("**shipped**", "K", "softened, K", "--taught 0.6 --hard 1 --epochs 40 --learning-rate 0.06 --calm-from 0.6"),
    ("L", "K", "none", "--labels 0.2 --hard 1 --sharp 2 --epochs 30 --learning-rate 0.05 --calm-from 0.5 --seed 4"),
    ("M", "K", "none", "--labels 0 --hard 1 --sharp 3 --epochs 30 --learning-rate 0.05 --calm-from 0.5 --seed 3"),
    ("N", "L", "none", "--labels 0.3 --hard 1 --sharp 2 --epochs 34 --learning-rate 0.05 --calm-from 0.5 --seed 7"),
    (
        "O",
        "scratch",
        "none",
        "--labels 0.2 --hard 1 --sharp 2 --epochs 30 --learning-rate 0.15 --calm-from 0.6 --seed 11",
    ),
    (
        "P",
        "L",
        "K, L; for FER+ L",
        "--taught 0.6 --hard 1 --sharp 2 --epochs 16 --learning-rate 0.04 --calm-from 0.25 --seed 8",
    ),
    (
        "**as published**",
        "P",
        "K, P; for FER+ O, L, M, N",
        "--taught 0.7 --hard 1 --sharp 2 --epochs 16 --learning-rate 0.04 --calm-from 0.25 --seed 21",
    ),
)


def section() -> str:
    """Markdown: one row per network, each made by one command from those above it."""
    rows = [(*network, f"`{options}`") for *network, options in _ROWS]
    return f"\n{_WHY}\n\n" + format_table(("network", "starts from", "teachers", "options"), rows)
