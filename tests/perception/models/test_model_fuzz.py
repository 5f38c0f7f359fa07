"""Malformed pairs by the hundred: each a clear error, never a traceback, a hang or a crash of who installs it.

`MIEN_FUZZ=10000` tries ten thousand. Whatever kills or stalls the runtime itself is tried once more the way that
`mien models install` does, in a child.
"""

import faulthandler
import os
import resource
import select
import signal
from collections import Counter
from pathlib import Path

import pytest

from device.errors import ModelError
from device.perception.models.inputs import check_card, open_model
from device.perception.models.smoke_test import run_smoke_test

pytest.importorskip("ai_edge_litert.schema_py_generated")
from tests.perception.models.damaged_models import spoiled

_CASES = int(os.environ.get("MIEN_FUZZ", "300"))
_HANGS_S = 20.0


def _report(seeds: range, pipe: int) -> None:
    """One line a seed: its number, and what came of it."""
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + 512_000_000,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for seed in seeds:
        try:
            open_model(spoiled(seed))
            said = "sound"
        except ModelError as error:
            said = f"told {error}" if str(error).endswith("nothing was changed") else f"unclear {error}"
        except BaseException as error:  # noqa: BLE001 - that is what is looked for
            said = f"traceback {error!r}"
        os.write(pipe, f"{seed} {said[:400]!r}\n".encode())


def _outcomes(cases: int) -> dict[int, str]:
    """Seed -> sound, told, unclear, traceback, crash or hang. The runtime lives in children: it may die of a case."""
    found: dict[int, str] = {}
    while len(found) < cases:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            faulthandler.disable()
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            try:
                _report(range(len(found), cases), writer)
            finally:
                os.kill(os.getpid(), signal.SIGKILL)  # none of pytest's own ends
        os.close(writer)
        hung = False
        with os.fdopen(reader, "rb", buffering=0) as answers:
            kept = b""
            while not hung:
                hung = not select.select([answers], [], [], _HANGS_S)[0]
                came = b"" if hung else answers.read(65536)
                if not came:
                    break
                *lines, kept = (kept + came).split(b"\n")
                for line in lines:
                    seed, _, said = line.decode().partition(" ")
                    found[int(seed)] = said.strip("'\"")
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        if len(found) < cases:
            found[len(found)] = "hang" if hung else "crash"
    return found


@pytest.mark.timeout(120 + _CASES)
def test_every_malformed_model_is_a_clear_error() -> None:
    found = _outcomes(_CASES)
    counts = Counter(said.split()[0] for said in found.values())
    print(f"{_CASES} pairs: {dict(counts)}")
    wrong = {seed: said for seed, said in found.items() if said.startswith(("unclear", "traceback"))}
    assert not wrong, wrong
    assert counts["told"] > _CASES / 2
    for seed in [seed for seed, said in found.items() if said in {"crash", "hang"}]:
        pair = spoiled(seed)
        check_card(pair)
        with pytest.raises(ModelError, match="nothing was changed"):
            run_smoke_test(pair)


@pytest.mark.parametrize("seed", [6291, 7317, 7563])
def test_networks_that_crashed_the_runtime_are_clear_errors(seed: int) -> None:
    """Found among ten thousand: LiteRT 2.3.0 dies of them by SIGABRT or SIGSEGV."""
    with pytest.raises(ModelError, match="nothing was changed"):
        run_smoke_test(spoiled(seed))
