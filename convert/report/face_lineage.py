"""The report's table of how the committed face networks were made, generation by generation."""

from convert.report.tables import format_table

_WHY = """How they were made: `python -m convert train face`, or `face-as-published` for the one as published and for \
L to P, with `--start` from the second column, `--teachers` and `--ferplus-teachers` from the third, and the options \
of the last. On PublicTest the shipped one went from 69.0 (softened) to 70.3, 70.5 and 70.6; the one as published \
from 71.6 and, by FER+, 87.7 (K) to 71.6 and 89.4."""
_ROWS = (
    ("A, of both", "softened", "nobody", "--hard 1 --epochs 30 --learning-rate 0.05 --calm-from 0.5"),
    (
        "K, of both",
        "A",
        "softened, A",
        "--taught 0.5 --hard 1 --epochs 20 --learning-rate 0.03 --calm-from 0.3",
    ),
    (
        "**the shipped one**",
        "K",
        "softened, K",
        "--taught 0.6 --hard 1 --epochs 40 --learning-rate 0.06 --calm-from 0.6",
    ),
    (
        "L",
        "K",
        "nobody",
        "--labels 0.2 --hard 1 --sharp 2 --epochs 30 --learning-rate 0.05 --calm-from 0.5 --seed 4",
    ),
    (
        "M",
        "K",
        "nobody",
        "--labels 0 --hard 1 --sharp 3 --epochs 30 --learning-rate 0.05 --calm-from 0.5 --seed 3",
    ),
    (
        "N",
        "L",
        "nobody",
        "--labels 0.3 --hard 1 --sharp 2 --epochs 34 --learning-rate 0.05 --calm-from 0.5 --seed 7",
    ),
    (
        "O",
        "nothing",
        "nobody",
        "--labels 0.2 --hard 1 --sharp 2 --epochs 30 --learning-rate 0.15 --calm-from 0.6 --seed 11",
    ),
    (
        "P",
        "L",
        "K, L; of FER+ L",
        "--taught 0.6 --hard 1 --sharp 2 --epochs 16 --learning-rate 0.04 --calm-from 0.25 --seed 8",
    ),
    (
        "**the one as published**",
        "P",
        "K, P; of FER+ O, L, M, N",
        "--taught 0.7 --hard 1 --sharp 2 --epochs 16 --learning-rate 0.04 --calm-from 0.25 --seed 21",
    ),
)


def section() -> str:
    """Markdown: a row a network, each made by one command from those above it."""
    rows = [(*who, f"`{options}`") for *who, options in _ROWS]
    return f"\n{_WHY}\n\n" + format_table(("network", "goes on from", "taught by", "options"), rows)
