"""Each network alone: its multiply-adds, its time, and its share of the processor's peak."""

import contextlib
import os
from functools import partial
from pathlib import Path

import numpy as np

from device.bench import timing
from device.bench.mac_count import count_macs
from device.bench.peak import peak_macs_per_s
from device.bench.timing import Json
from device.errors import ModelError
from device.perception.models.card import MODELS
from device.perception.tflite import Network


def measure(seconds: float, folder: Path = MODELS, max_threads: int | None = None) -> Json:
    """Measure every .tflite of `folder` on 1, 2 and 4 threads, up to the number of cores (or `max_threads`)."""
    peak = None
    with contextlib.suppress(ImportError, ModelError):  # tflite-runtime has nothing that builds the test network
        peak = peak_macs_per_s(seconds)
    counts = [count for count in (1, 2, 4) if count <= (max_threads or os.cpu_count() or 1)]
    networks = [_network(path, counts, peak, seconds) for path in sorted(folder.glob("*.tflite"))]
    return {"int8_peak_gmacs": None if peak is None else round(peak / 1e9, 1), "each": networks}


def _network(path: Path, counts: list[int], peak: float | None, seconds: float) -> Json:
    """One network's row. Raises ModelError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    work = count_macs(content, path.name)
    times = {}
    for threads in counts:
        network = Network(content, path.name, threads)
        times[threads] = timing.measure(partial(network.run_raw, _random_input(network)), seconds)
    fastest_s = times[1].fastest_s
    int8 = work.int8_macs > 0.5 * work.macs
    return {
        "file": path.name,
        "mmacs": round(work.macs / 1e6, 3),
        "weights": "int8" if int8 else "float",
        **{key: times[1].as_json()[key] for key in ("p50_ms", "p95_ms", "cpu_ms")},
        "fastest_ms": round(1000 * fastest_s, 3),
        "p50_ms_by_threads": {str(threads): times[threads].as_json()["p50_ms"] for threads in counts},
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
