"""What is heavy is loaded only by who uses it: each costs memory and time at every start."""

import subprocess
import sys

import pytest

_HEAVY = {"aiohttp", "asyncio", "av", "mediapipe", "pyaudio", "scipy", "skimage", "torch"}


def _loaded(code: str) -> set[str]:
    told = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    return _HEAVY & {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    ("code", "loaded"),
    [
        ("import device.sense.build", set()),
        ("import device.sense.camera.file", {"av"}),
        ("import device.sense.microphone.resampler", {"av"}),
    ],
)
def test_sense_loads_ffmpeg_for_files_and_odd_rates_alone(code: str, loaded: set[str]) -> None:
    assert _loaded(code) == loaded
