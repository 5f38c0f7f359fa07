"""`make bench`: `mien bench`, then its peers on the same frames and the same sound.

Prints the results and writes them to build/bench.json.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from device.bench.report import format_lines
from device.bench.scene import Room
from device.bench.voice import synthesize_speech
from tests.bench.environments import NotInstalled
from tests.bench.peer import ABSENT, ABSENT_SOUND, HOUSE, PEERS, SOUND_PEERS, Peer, Running, Stimulus

SIZE = (640, 480)
_BATCH = 15
Json = dict[str, Any]


@contextmanager
def record_room(stream_s: float = 10.0) -> Iterator[Stimulus]:
    """One person who moves a little, in SIZE."""
    frames = (frame.pixels.tobytes() for batch in Room(1, *SIZE).stream(stream_s) for frame in batch)
    with _write(frames) as path:
        yield Stimulus("frame", "faces", (path, *map(str, SIZE)))


@contextmanager
def record_talker(seconds: float = 60.0) -> Iterator[Stimulus]:
    """One person who talks without a pause."""
    with _write([synthesize_speech(seconds).astype(np.float32).tobytes()]) as path:
        yield Stimulus("second", "voices", (path,))


@contextmanager
def _write(parts: Iterable[bytes]) -> Iterator[str]:
    with tempfile.NamedTemporaryFile(prefix="mien-bench-") as file:
        for part in parts:
            file.write(part)
        file.flush()
        yield file.name


def measure_peers(peers: Sequence[Peer], turns: int, stimulus: Stimulus) -> Json:
    """Name -> its measurements, or `{"absent": reason}`. The peers take turns, 15 frames or seconds each.

    Other load on this machine therefore affects all of them alike.
    """
    result: Json = {}
    running: list[Running] = []
    try:
        for peer in peers:
            try:
                running.append(Running(peer, stimulus))
            except NotInstalled as reason:
                result[peer.name] = {"absent": str(reason)}
        for _ in range(turns):
            for process in running:
                process.run(_BATCH)
        result |= {process.peer.name: process.as_json() for process in running}
    finally:
        for process in running:
            process.end()
    return compare({peer.name: result[peer.name] for peer in peers}, stimulus.each)


def compare(result: Json, each: str) -> Json:
    """Add `times_mien`: CPU time as a multiple of Mien's."""
    ours = result.get("mien", {}).get(f"ms_cpu_a_{each}")
    for row in result.values():
        if ours and "absent" not in row:
            row["times_mien"] = round(row[f"ms_cpu_a_{each}"] / ours, 2)
    return result


def format_table(result: Json, stimulus: Stimulus) -> Iterator[str]:
    """The result as text, for a person."""
    yield f"{'':14} {'CPU ms':>8} {'p50':>8} {'x mien':>8} {stimulus.found:>6} {'RSS MB':>7} {'start s':>8} {'MB':>6}"
    for name, row in result.items():
        if "absent" in row:
            continue
        yield (
            f"{name:14} {row[f'ms_cpu_a_{stimulus.each}']:8.2f} {row['ms_cpu_p50']:8.2f} "
            f"{row.get('times_mien', 0):8.2f} {row[f'{stimulus.found}_a_{stimulus.each}']:6.2f} "
            f"{row['rss_mb']:7} {row['start_s']:8.2f} {row['install_mb']:6}"
        )
    for name, row in result.items():
        if "absent" in row:
            yield f"{name:14} not measured: {row['absent']}"


def main() -> int:
    """Parse the options and run. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    known = list(dict.fromkeys(peer.name for peer in (*PEERS, *SOUND_PEERS)))
    parser.add_argument("--peers", help="some of " + ",".join(known) + "; none: only mien bench")
    parser.add_argument("--turns", type=int, default=8, help="of 15 frames or seconds each (default: 8)")
    parser.add_argument("--full", action="store_true", help="the whole grid of mien bench: minutes")
    parser.add_argument("--out", type=Path, default=HOUSE / "build")
    arguments = parser.parse_args()
    names = known if arguments.peers is None else arguments.peers.split(",")
    if unknown := {*names} - {*known, "none"}:
        parser.error(f"--peers: no {', '.join(sorted(unknown))}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    bench = [sys.executable, "-m", "device.cli", "bench", "--json", "--plot", str(arguments.out / "bench.svg")]
    done = subprocess.run(
        [*bench, *(["--full"] if arguments.full else [])], cwd=HOUSE, stdout=subprocess.PIPE, text=True, check=True
    )
    result: Json = {"mien": json.loads(done.stdout)}
    print("\n".join(format_lines(result["mien"])), flush=True)
    for key, words, peers, absent, record in (
        ("peers", "640x480, one person", PEERS, ABSENT, record_room),
        ("sound_peers", "somebody who talks: three seconds, each second", SOUND_PEERS, ABSENT_SOUND, record_talker),
    ):
        chosen = [peer for peer in peers if peer.name in names]
        if not chosen:
            continue
        with record() as stimulus:
            rows = measure_peers(chosen, arguments.turns, stimulus)
        result[key] = rows | {name: {"absent": reason} for name, reason in absent.items()}
        print(f"\n{words}, one core, all in turn:\n" + "\n".join(format_table(result[key], stimulus)), flush=True)
    (arguments.out / "bench.json").write_text(json.dumps(result, indent=1))
    print(f"\nwritten: {arguments.out / 'bench.json'}, {arguments.out / 'bench.svg'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
