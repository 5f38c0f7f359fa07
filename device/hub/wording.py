"""Words and numbers that the hub shows to a person."""


def duration(seconds: float) -> str:
    """`5 s`, `2 min`, `1 min 30 s`, `1 h 5 min`: at most two parts, for a person."""
    if seconds < 60:
        return f"{round(seconds, 1):g} s" if seconds < 10 else f"{seconds:.0f} s"
    whole = round(seconds)
    parts = [(whole // 3600, "h"), (whole % 3600 // 60, "min"), (whole % 60, "s")]
    return " ".join([f"{n} {unit}" for n, unit in parts if n][:2])
