"""The map of a user namespace: files go on belonging to whom they belong to."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

_INSIDE = """
import json, os, sys
from device.system.isolation.libc import call
from device.system.isolation.network import CLONE_NEWUSER, _map_user
uid, gid = os.getuid(), os.getgid()
try:
    call("unshare", CLONE_NEWUSER)
except OSError as error:
    print(json.dumps({"skip": str(error)}))
    sys.exit()
before = os.stat(sys.argv[1]).st_uid
said = _map_user(uid, gid)
print(json.dumps({"before": before, "said": said, "uid": os.getuid(), "owner": os.stat(sys.argv[1]).st_uid}))
"""


def test_a_user_is_mapped_to_himself(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.touch()
    done = subprocess.run([sys.executable, "-c", _INSIDE, str(own)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    if "skip" in found:
        pytest.skip(f"no user namespace: {found['skip']}")
    if found["said"]:
        pytest.skip(f"this kernel allows the namespace{found['said']}")
    assert found["before"] != os.getuid() or os.getuid() == 65534
    assert found["uid"] == found["owner"] == os.getuid()
