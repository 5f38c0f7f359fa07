"""Each network alone: its multiply-adds, its time, and the share of what the processor could do."""

import os
from functools import partial
from pathlib import Path

import numpy as np

from device.bench.mac_count import count_macs
from device.bench.peak import peak_macs_per_s
from device.bench.timing import Json, timed
from device.errors import ModelError
from device.perception.models.card import MODELS
from device.perception.tflite import Network


def measure(seconds: float, folder: Path = MODELS, most_threads: int | None = None) -> Json:
    """Every .tflite of `folder`, on 1 thread and on 2, 4, ... as far as there are cores (or `most_threads`)."""
    peak = peak_of(seconds)
    most = most_threads or os.cpu_count() or 1
    counts = [count for count in (1, 2, 4) if count <= most]
    networks = [_network(path, counts, peak, seconds) for path in sorted(folder.glob("*.tflite"))]
    return {"int8_peak_gmacs": None if peak is None else round(peak / 1e9, 1), "each": networks}


def peak_of(seconds: float) -> float | None:
    """Multiply-adds a second of one core at best; None where what builds the probe is missing."""
    try:
        return peak_macs_per_s(seconds)
    except ImportError:  # tflite-runtime comes without flatbuffers
        return None


def _network(path: Path, counts: list[int], peak: float | None, seconds: float) -> Json:
    """One network's row. Raises ModelError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    work, times = count_macs(content, path.name), {}
    for threads in counts:
        network = Network(content, path.name, threads)
        times[threads] = timed(partial(network.run_raw, _anything(network)), seconds)
    # As the probe: the fastest tenth, which is the network's own time and not that of a busy machine.
    fastest_s = float(np.percentile(times[1].wall_ms, 10)) / 1000
    int8 = work.int8_macs > 0.5 * work.macs
    return {
        "file": path.name,
        "mmacs": round(work.macs / 1e6, 3),
        "weights": "int8" if int8 else "float",
        **{key: times[1].told()[key] for key in ("p50_ms", "p95_ms", "cpu_ms")},
        "fastest_ms": round(1000 * fastest_s, 3),
        "p50_ms_by_threads": {str(threads): timing.told()["p50_ms"] for threads, timing in times.items()},
        "gmacs": round(work.macs / fastest_s / 1e9, 1),
        # A share of the int8 peak says something of int8 networks only.
        "of_int8_peak": round(work.macs / fastest_s / peak, 3) if peak and int8 else None,
    }


def _anything(network: Network) -> np.ndarray:
    """An input of the right shape and type: how long a network takes does not depend on what it sees."""
    tensor = network.inputs[0]
    rng = np.random.default_rng(0)
    if tensor.dtype.kind == "f":
        return rng.uniform(-1, 1, tensor.shape).astype(tensor.dtype)
    limits = np.iinfo(tensor.dtype)
    return rng.integers(limits.min, limits.max, tensor.shape, tensor.dtype, endpoint=True)
