"""`make bench`: `mien bench`, then its peers beside it on the same frames and the same sound.

Printed, and written to build/bench.json.
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
from tests.bench.peer import ABSENT, ABSENT_SOUND, HOUSE, PEERS, SOUND_PEERS, Given, Peer, Running

SIZE = (640, 480)
_TURN = 15
Json = dict[str, Any]


@contextmanager
def one_room(stream_s: float = 10.0) -> Iterator[Given]:
    """One person who moves a little, in SIZE."""
    frames = (frame.pixels.tobytes() for batch in Room(1, *SIZE).stream(stream_s) for frame in batch)
    with _written(frames) as path:
        yield Given("frame", "faces", (path, *map(str, SIZE)))


@contextmanager
def one_talker(seconds: float = 60.0) -> Iterator[Given]:
    """One person who does not stop talking."""
    with _written([synthesize_speech(seconds).astype(np.float32).tobytes()]) as path:
        yield Given("second", "voices", (path,))


@contextmanager
def _written(parts: Iterable[bytes]) -> Iterator[str]:
    with tempfile.NamedTemporaryFile(prefix="mien-bench-") as file:
        for part in parts:
            file.write(part)
        file.flush()
        yield file.name


def side_by_side(peers: Sequence[Peer], turns: int, given: Given) -> Json:
    """Name -> what it took, or `{"absent": reason}`; each takes 15 frames or seconds, then the next one does.

    So whatever this machine does beside it meets all alike.
    """
    result: Json = {}
    running: list[Running] = []
    try:
        for peer in peers:
            try:
                running.append(Running(peer, given))
            except NotInstalled as reason:
                result[peer.name] = {"absent": str(reason)}
        for _ in range(turns):
            for one in running:
                one.take(_TURN)
        result |= {one.peer.name: one.told() for one in running}
    finally:
        for one in running:
            one.end()
    return compared({peer.name: result[peer.name] for peer in peers}, given.each)


def compared(result: Json, each: str) -> Json:
    """With `times_mien`: how many times Mien's CPU each takes."""
    ours = result.get("mien", {}).get(f"ms_cpu_a_{each}")
    for told in result.values():
        if ours and "absent" not in told:
            told["times_mien"] = round(told[f"ms_cpu_a_{each}"] / ours, 2)
    return result


def table(result: Json, given: Given) -> Iterator[str]:
    """For a person to read."""
    yield f"{'':14} {'CPU ms':>8} {'p50':>8} {'x mien':>8} {given.found:>6} {'RSS MB':>7} {'start s':>8} {'MB':>6}"
    for name, told in result.items():
        if "absent" in told:
            continue
        yield (
            f"{name:14} {told[f'ms_cpu_a_{given.each}']:8.2f} {told['ms_cpu_p50']:8.2f} "
            f"{told.get('times_mien', 0):8.2f} {told[f'{given.found}_a_{given.each}']:6.2f} "
            f"{told['rss_mb']:7} {told['start_s']:8.2f} {told['install_mb']:6}"
        )
    for name, told in result.items():
        if "absent" in told:
            yield f"{name:14} not measured: {told['absent']}"


def main() -> int:
    """Options, and the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    known = list(dict.fromkeys(peer.name for peer in (*PEERS, *SOUND_PEERS)))
    parser.add_argument("--peers", help="some of " + ",".join(known) + "; none: only mien bench")
    parser.add_argument("--turns", type=int, default=8, help="of 15 frames or seconds each (default: 8)")
    parser.add_argument("--full", action="store_true", help="the whole grid of mien bench: minutes")
    parser.add_argument("--out", type=Path, default=HOUSE / "build")
    asked = parser.parse_args()
    names = known if asked.peers is None else asked.peers.split(",")
    if unknown := {*names} - {*known, "none"}:
        parser.error(f"--peers: no {', '.join(sorted(unknown))}")
    asked.out.mkdir(parents=True, exist_ok=True)
    bench = [sys.executable, "-m", "device.cli", "bench", "--json", "--plot", str(asked.out / "bench.svg")]
    done = subprocess.run(
        [*bench, *(["--full"] if asked.full else [])], cwd=HOUSE, stdout=subprocess.PIPE, text=True, check=True
    )
    result: Json = {"mien": json.loads(done.stdout)}
    print("\n".join(format_lines(result["mien"])), flush=True)
    for key, words, peers, absent, stimulus in (
        ("peers", "640x480, one person", PEERS, ABSENT, one_room),
        ("sound_peers", "somebody who talks: three seconds, each second", SOUND_PEERS, ABSENT_SOUND, one_talker),
    ):
        chosen = [peer for peer in peers if peer.name in names]
        if not chosen:
            continue
        with stimulus() as given:
            told = side_by_side(chosen, asked.turns, given)
        result[key] = told | {name: {"absent": reason} for name, reason in absent.items()}
        print(f"\n{words}, one core, all in turn:\n" + "\n".join(table(result[key], given)), flush=True)
    (asked.out / "bench.json").write_text(json.dumps(result, indent=1))
    print(f"\nwritten: {asked.out / 'bench.json'}, {asked.out / 'bench.svg'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
