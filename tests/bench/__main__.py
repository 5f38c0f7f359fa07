"""`make bench`: `mien bench`, then its peers beside it on the same frames. Printed, and written to build/bench.json."""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from device.bench.room import Room
from device.bench.table import lines
from tests.bench.environments import NotInstalled
from tests.bench.peer import ABSENT, HOUSE, PEERS, Peer, Running

SIZE = (640, 480)
_TURN = 15
Json = dict[str, Any]


def side_by_side(peers: list[Peer], turns: int, stream_s: float = 10.0) -> Json:
    """Name -> what it took, or `{"absent": reason}`; each looks at 15 frames, then the next one does.

    One person who moves a little is in view, in 640x480. So whatever this machine does beside it meets all alike.
    """
    with tempfile.NamedTemporaryFile(prefix="mien-frames-") as file:
        for batch in Room(1, *SIZE).stream(stream_s):
            for frame in batch:
                file.write(frame.pixels.tobytes())
        file.flush()
        result: Json = {}
        running: list[Running] = []
        try:
            for peer in peers:
                try:
                    running.append(Running(peer, Path(file.name), SIZE))
                except NotInstalled as reason:
                    result[peer.name] = {"absent": str(reason)}
            for _ in range(turns):
                for one in running:
                    one.look(_TURN)
            result |= {one.peer.name: one.told() for one in running}
        finally:
            for one in running:
                one.end()
    return compared({peer.name: result[peer.name] for peer in peers})


def compared(result: Json) -> Json:
    """With `times_mien`: how many times Mien's CPU each takes."""
    ours = result.get("mien", {}).get("ms_cpu_a_frame")
    for told in result.values():
        if ours and "ms_cpu_a_frame" in told:
            told["times_mien"] = round(told["ms_cpu_a_frame"] / ours, 2)
    return result


def table(result: Json) -> Iterator[str]:
    """For a person to read."""
    yield f"{'':14} {'CPU ms':>8} {'p50':>8} {'x mien':>8} {'faces':>6} {'RSS MB':>7} {'start s':>8} {'MB':>6}"
    for name, told in result.items():
        if "absent" in told:
            continue
        yield (
            f"{name:14} {told['ms_cpu_a_frame']:8.2f} {told['ms_cpu_p50']:8.2f} {told.get('times_mien', 0):8.2f} "
            f"{told['faces_a_frame']:6.2f} {told['rss_mb']:7} {told['start_s']:8.2f} {told['install_mb']:6}"
        )
    for name, told in result.items():
        if "absent" in told:
            yield f"{name:14} not measured: {told['absent']}"


def main() -> int:
    """Options, and the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", help="some of " + ",".join(peer.name for peer in PEERS) + "; none: only mien bench")
    parser.add_argument("--turns", type=int, default=8, help="of 15 frames each (default: 8)")
    parser.add_argument("--full", action="store_true", help="the whole grid of mien bench: minutes")
    parser.add_argument("--out", type=Path, default=HOUSE / "build")
    asked = parser.parse_args()
    names = [peer.name for peer in PEERS] if asked.peers is None else asked.peers.split(",")
    if unknown := set(names) - {peer.name for peer in PEERS} - {"none"}:
        parser.error(f"--peers: no {', '.join(sorted(unknown))}")
    asked.out.mkdir(parents=True, exist_ok=True)
    bench = [sys.executable, "-m", "device.cli", "bench", "--json", "--plot", str(asked.out / "bench.svg")]
    done = subprocess.run(
        [*bench, *(["--full"] if asked.full else [])], cwd=HOUSE, stdout=subprocess.PIPE, text=True, check=True
    )
    result: Json = {"mien": json.loads(done.stdout)}
    print("\n".join(lines(result["mien"])), flush=True)
    if asked.peers != "none":
        peers = side_by_side([peer for peer in PEERS if peer.name in names], asked.turns)
        result["peers"] = peers | {name: {"absent": reason} for name, reason in ABSENT.items()}
        print("\n640x480, one person, one core, all in turn:")
        print("\n".join(table(result["peers"])))
    (asked.out / "bench.json").write_text(json.dumps(result, indent=1))
    print(f"\nwritten: {asked.out / 'bench.json'}, {asked.out / 'bench.svg'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
