"""The licences: code and networks have different ones, and every place that names them says so."""

import email.parser
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

_HOUSE = Path(__file__).parents[1]
_MODELS = _HOUSE / "device" / "models"


@pytest.mark.parametrize("card", sorted(_MODELS.glob("*.json")), ids=lambda path: path.stem)
def test_the_networks_licence_names_what_each_learnt_from(card: Path) -> None:
    rows = [line for line in (_MODELS / "LICENSE").read_text().splitlines() if line.startswith("  ")]
    for corpus in json.loads(card.read_text())["corpora"]:
        name, licence = corpus["name"].split()[0].rstrip(","), corpus["licence"]
        assert any(card.stem in row[:19] and name in row[19:] and row.endswith(licence) for row in rows), corpus


def test_the_wheel_says_both_licences_and_holds_their_texts(tmp_path: Path) -> None:
    source = tmp_path / "source"
    files = subprocess.run(
        ["git", "-C", str(_HOUSE), "ls-files", "-z", "device", "convert/__init__.py"], capture_output=True, check=True
    )
    for name in [*filter(None, files.stdout.decode().split("\0")), "pyproject.toml", "README.md", "LICENSE"]:
        if not (_HOUSE / name).exists():  # deleted in the working tree, and not committed yet
            continue
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((_HOUSE / name).read_bytes())
    build = [sys.executable, "-P", "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*build, "-w", str(tmp_path), str(source)], capture_output=True, text=True, timeout=110, check=False
    )
    if "setuptools" in done.stderr and done.returncode:
        pytest.skip("this environment has no setuptools of the lock: make .venv/.dev")
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(tmp_path.glob("mien-*.whl"))) as wheel:
        names = wheel.namelist()
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        said = email.parser.Parser().parsestr(wheel.read(metadata).decode())
        assert said["License-Expression"] == "Apache-2.0 AND LicenseRef-Mien-Networks"
        assert said.get_all("License-File") == ["LICENSE", "device/models/LICENSE"]
        text = (_MODELS / "LICENSE").read_bytes()
        assert wheel.read("device/models/LICENSE") == text
        assert any(wheel.read(name) == text for name in names if ".dist-info/licenses/" in name)


def test_the_first_screen_of_the_readme_says_both() -> None:
    screen = " ".join((_HOUSE / "README.md").read_text().splitlines()[:24])
    assert "code Apache-2.0; the networks: research and non-commercial, because of what they learnt from" in screen
    assert "(device/models/LICENSE)" in screen
    assert "(SECURITY.md)" in screen


def test_the_readme_does_not_call_everything_apache() -> None:
    text = (_HOUSE / "README.md").read_text()
    section = text[text.index("## Licence and origins") :]
    assert not re.search(r"^Apache-2\.0\.", section, re.MULTILINE)
