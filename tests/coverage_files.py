"""Where processes that tests start write what coverage measured of them.

An enclosed `sense` can write nothing but its state, and finds an empty /tmp of its own. So all processes write to
/tmp: what is enclosed loses it there without an error, `make test` collects the rest. A test that measures the wall
itself puts `measured()` into the environment and lets its process write to the working folder.
"""

import base64
import json
import os

_KEY, _ORIGINAL = "COVERAGE_PROCESS_CONFIG", "MIEN_COVERAGE_PROCESS_CONFIG"


def redirect() -> None:
    """Change the environment for every process that starts from now on."""
    if _KEY not in os.environ or _ORIGINAL in os.environ:
        return
    os.environ[_ORIGINAL] = os.environ[_KEY]
    config = json.loads(base64.b64decode(os.environ[_KEY]))
    config["data_file"] = f"/tmp/mien-coverage-{os.getuid()}"
    os.environ[_KEY] = base64.b64encode(json.dumps(config).encode()).decode()


def measured() -> dict[str, str]:
    """For the environment of a process that may write to the folder in which coverage was started."""
    return {_KEY: os.environ[_ORIGINAL]} if _ORIGINAL in os.environ else {}
