"""Heavy libraries are imported only where they are used: each costs memory and time at every start."""

import subprocess
import sys

import pytest

_HEAVY = {"aiohttp", "asyncio", "av", "mediapipe", "pyaudio", "scipy", "skimage", "torch"}


def _loaded(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return _HEAVY & {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    ("code", "loaded"),
    [
        ("import device.cli, device.commands.sense", set()),
        ("import device.sense.build", set()),
        ("import device.sense.camera.file", {"av"}),
        ("import device.sense.microphone.resampler", {"av"}),
    ],
)
def test_sense_imports_ffmpeg_only_for_files_and_other_sample_rates(code: str, loaded: set[str]) -> None:
    assert _loaded(code) == loaded
