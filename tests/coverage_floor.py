"""No module of device/ may be covered by less than FLOOR per cent: the whole's average hides a hole."""

import json
import subprocess
import sys

FLOOR = 85.0


def main() -> int:
    """Name the modules under the floor; 1 when there are any."""
    report = subprocess.run(
        [sys.executable, "-m", "coverage", "json", "--quiet", "-o", "-"], capture_output=True, text=True, check=True
    )
    files = json.loads(report.stdout)["files"]
    low = {name: f["summary"]["percent_covered"] for name, f in files.items() if f["summary"]["num_statements"]}
    low = {name: share for name, share in low.items() if share < FLOOR}
    for name, share in sorted(low.items()):
        print(f"{name}: {share:.0f} % covered, {FLOOR:.0f} % wanted")
    return int(bool(low))


if __name__ == "__main__":
    sys.exit(main())
