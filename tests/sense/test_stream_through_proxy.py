"""An RTSP camera, read by a process without a network through the camera proxy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sense.rtsp import streamed

INSIDE = """
import sys
from device.system.isolation import drop_network, drop_capabilities, check_isolation, raise_loopback
from device.sense.camera_proxy import CameraProxy, parse_address
url = sys.argv[1]
proxy = CameraProxy(parse_address(url))
if "refused" in drop_network():
    sys.exit("refused")
raise_loopback()
inside = proxy.open(url)
drop_capabilities()
from device.sense.camera import open_camera
from device.settings.schema import Camera
camera = open_camera(Camera(source=inside))
frames = [frame for frame in (camera.read() for _ in range(40)) if frame is not None][:8]
print(len(frames), frames[0].pixels.shape, check_isolation("").interfaces)
camera.close()
proxy.close()
"""


def test_rtsp_works_through_the_proxy(tmp_path: Path) -> None:
    with streamed(tmp_path) as server:
        command = [sys.executable, "-c", INSIDE, server.url]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    if "refused" in done.stderr:
        pytest.skip("this kernel gives no network namespace")
    assert done.stdout.strip() == "8 (120, 160, 3) ('lo',)", done.stderr
