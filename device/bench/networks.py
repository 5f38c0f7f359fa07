"""Each network alone: its multiply-adds, its time, and its share of the processor's peak."""

import os
from functools import partial
from pathlib import Path

import numpy as np

from device.bench.mac_count import count_macs
from device.bench.peak import peak_macs_per_s
from device.bench.timing import Json
from device.bench.timing import measure as measure_call
from device.errors import ModelError
from device.perception.models.card import MODELS
from device.perception.tflite import Network


def measure(seconds: float, folder: Path = MODELS, max_threads: int | None = None) -> Json:
    """Every .tflite of `folder`, on 1, 2 and 4 threads, up to the number of cores (or `max_threads`)."""
    peak = measure_peak(seconds)
    limit = max_threads or os.cpu_count() or 1
    counts = [count for count in (1, 2, 4) if count <= limit]
    networks = [_network(path, counts, peak, seconds) for path in sorted(folder.glob("*.tflite"))]
    return {"int8_peak_gmacs": None if peak is None else round(peak / 1e9, 1), "each": networks}


def measure_peak(seconds: float) -> float | None:
    """The most multiply-adds per second on one core; None if the package that builds the test network is missing."""
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
        times[threads] = measure_call(partial(network.run_raw, _random_input(network)), seconds)
    # The fastest tenth, as for the peak: the network's own time, and not that of a busy machine.
    fastest_s = float(np.percentile(times[1].wall_ms, 10)) / 1000
    int8 = work.int8_macs > 0.5 * work.macs
    return {
        "file": path.name,
        "mmacs": round(work.macs / 1e6, 3),
        "weights": "int8" if int8 else "float",
        **{key: times[1].as_json()[key] for key in ("p50_ms", "p95_ms", "cpu_ms")},
        "fastest_ms": round(1000 * fastest_s, 3),
        "p50_ms_by_threads": {str(threads): timing.as_json()["p50_ms"] for threads, timing in times.items()},
        "gmacs": round(work.macs / fastest_s / 1e9, 1),
        # A share of the int8 peak is meaningful only for int8 networks.
        "of_int8_peak": round(work.macs / fastest_s / peak, 3) if peak and int8 else None,
    }


def _random_input(network: Network) -> np.ndarray:
    """An input of the right shape and type: the time does not depend on the content."""
    tensor = network.inputs[0]
    rng = np.random.default_rng(0)
    if tensor.dtype.kind == "f":
        return rng.uniform(-1, 1, tensor.shape).astype(tensor.dtype)
    limits = np.iinfo(tensor.dtype)
    return rng.integers(limits.min, limits.max, tensor.shape, tensor.dtype, endpoint=True)
