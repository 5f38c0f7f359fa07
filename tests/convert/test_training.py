"""Training by two processes, and a run folder that holds another run."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.convert
torch = pytest.importorskip("torch", reason="the training environment: make test-convert")
ROOT = Path(__file__).parents[2]


def run(*words: str, where: Path) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, timeout=500, check=False)


@pytest.mark.timeout(600)
def test_two_processes_train_one_network_and_the_first_writes(corpora: Path, tmp_path: Path) -> None:
    words = ("train", "face", "--data", str(corpora), "--rows", "80", "--batch", "20", "--epochs", "1")
    done = run("torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "convert", *words, where=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    log = (tmp_path / "runs" / "face" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in log] == [1]
    weights = torch.load(tmp_path / "runs" / "face" / "last.pt", weights_only=True)["network"]
    assert all(torch.isfinite(values).all() for values in weights.values())


_STEP = """
import sys, torch
from convert.training.distributed import Ranks
ranks = Ranks()
torch.manual_seed(ranks.rank)  # without a broadcast each rank would start with other weights
network = torch.nn.Linear(5, 3)
parallel = ranks.parallelize(network)
batch = (torch.arange(40.0).reshape(8, 5) / 40, torch.arange(8) % 3)
inputs, labels = ranks.split(batch)
torch.nn.functional.cross_entropy(parallel(inputs), labels).backward()
start = {name: values.detach() for name, values in network.named_parameters()}
torch.save({"rows": len(labels), "start": start, "gradient": network.weight.grad}, f"{sys.argv[1]}/{ranks.rank}.pt")
ranks.wait()
"""


@pytest.mark.timeout(300)
def test_processes_split_a_batch_and_step_like_one_process_with_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "step.py").write_text(_STEP)
    launch = ("torch.distributed.run", "--standalone", "--nproc-per-node=2", "step.py", str(tmp_path))
    done = run(*launch, where=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert first["rows"] == second["rows"] == 4
    assert torch.equal(first["gradient"], second["gradient"])
    network = torch.nn.Linear(5, 3)
    network.load_state_dict(first["start"])
    inputs, labels = torch.arange(40.0).reshape(8, 5) / 40, torch.arange(8) % 3
    torch.nn.functional.cross_entropy(network(inputs), labels).backward()
    assert network.weight.grad is not None
    torch.testing.assert_close(first["gradient"], network.weight.grad)


@pytest.mark.timeout(300)
def test_a_run_folder_of_another_plan_is_not_resumed(corpora: Path, tmp_path: Path) -> None:
    words = ("convert", "train", "face", "--data", str(corpora), "--rows", "40", "--batch", "20")
    first = run(*words, "--epochs", "1", where=tmp_path)
    assert first.returncode == 0, first.stderr
    record = json.loads((tmp_path / "runs" / "face" / "run.json").read_text())
    assert record["plan"]["epochs"] == 1
    assert record["made_with"]["torch"] == torch.__version__
    other = run(*words, "--epochs", "2", where=tmp_path)
    assert other.returncode == 1
    assert "started as face" in other.stderr
    assert "--out" in other.stderr
    assert "Traceback" not in other.stderr


@pytest.mark.timeout(300)
def test_a_quick_check_in_the_folder_is_not_resumed_on_all_rows(corpora: Path, tmp_path: Path) -> None:
    words = ("convert", "train", "face", "--data", str(corpora), "--batch", "20", "--epochs", "1")
    quick = run(*words, "--rows", "40", where=tmp_path)
    assert quick.returncode == 0, quick.stderr
    whole = run(*words, where=tmp_path)
    assert whole.returncode == 1
    assert "run.json: this run was started as face" in whole.stderr
    assert "'rows': 40" in whole.stderr
    assert "'rows': 0" in whole.stderr
    assert whole.stderr.count("\n") == 1


_FREED = """
import os, sys, torch
from convert.training.loop import keep_freed_memory

def held_mib():
    pages = int(open("/proc/self/statm").read().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

if sys.argv[1] == "kept":
    keep_freed_memory()
before = held_mib()
taken = torch.ones(400, 2**18)
assert held_mib() - before > 350
del taken
print(held_mib() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
def test_freed_memory_is_kept_for_reuse(tmp_path: Path) -> None:
    (tmp_path / "freed.py").write_text(_FREED)
    left = {}
    for setting in ("kept", "given back"):
        done = run("freed", setting, where=tmp_path)
        assert done.returncode == 0, done.stderr
        left[setting] = float(done.stdout)
    assert left["kept"] > 350
    assert left["given back"] < 100
