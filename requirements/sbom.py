"""Writes what runs on a device as one CycloneDX document: `make sbom`.

Packages, versions and licences come from an environment (cyclonedx-py), hashes from the lock, the networks from their
cards. What the environment has beside them, such as tools for tests, is left out; Debian's own packages are not in it.
"""

import hashlib
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

_REPOSITORY = Path(__file__).parents[1]
_MODELS = _REPOSITORY / "device" / "models"
_LOCK = _REPOSITORY / "requirements" / "device.txt"
_PROJECT = tomllib.loads((_REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]

Component = dict[str, Any]


def _read_environment(python: str) -> dict[str, Any]:
    """The CycloneDX document of an environment, with `mien` as its root."""
    tool = Path(sys.executable).with_name("cyclonedx-py")
    command = [str(tool), "environment", "--output-reproducible", "--pyproject", str(_REPOSITORY / "pyproject.toml")]
    done = subprocess.run([*command, python], stdout=subprocess.PIPE, check=True, text=True)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def _normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(text: str) -> dict[str, set[str]]:
    """Package -> SHA-256 of its files, from a lock in the format of pip."""
    packages: dict[str, set[str]] = {}
    for block in re.split(r"\n(?=[A-Za-z0-9])", text):
        if found := re.match(r"([A-Za-z0-9._-]+)==", block):
            hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})", block)
            packages.setdefault(_normalize(found[1]), set()).update(hashes)
    return packages


def _describe_networks() -> list[Component]:
    """Mien's own networks by their cards, and MediaPipe's detectors, if they were fetched."""
    components = []
    for path in sorted(_MODELS.glob("*.tflite")):
        card = path.with_suffix(".json")
        described = json.loads(card.read_text(encoding="utf-8")) if card.exists() else None
        component: Component = {
            "type": "machine-learning-model",
            "bom-ref": f"model:{path.name}",
            "name": path.name,
            "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}],
        }
        if described:
            learnt_from = "; ".join(f"{one['name']}: {one['licence']}" for one in described["corpora"])
            component["version"] = described["version"]
            component["description"] = f"Trained on {learnt_from}. {described['limits']}"
            component["licenses"] = [{"license": {"name": "LicenseRef-Mien-Networks"}}]
        else:
            component["description"] = "A face detector of MediaPipe, which mien models fetch has downloaded."
            component["licenses"] = [{"license": {"id": "Apache-2.0"}}]
        components.append(component)
    return components


def build(python: str) -> dict[str, Any]:
    """The document for what `python` runs. Raises ValueError when a package of the lock is not installed there."""
    document = _read_environment(python)
    lock = read_lock(_LOCK.read_text(encoding="utf-8"))
    packages = [one for one in document["components"] if _normalize(one["name"]) in lock]
    missing = lock.keys() - {_normalize(one["name"]) for one in packages} - {"colorama"}  # that one is for Windows
    if missing:
        raise ValueError(f"{python} lacks {', '.join(sorted(missing))}; run make setup first")
    for package in packages:
        hashes = [{"alg": "SHA-256", "content": one} for one in sorted(lock[_normalize(package["name"])])]
        source = {"type": "distribution", "url": _LOCK.relative_to(_REPOSITORY).as_posix(), "hashes": hashes}
        package["externalReferences"] = [*package.get("externalReferences", []), source]
    networks = _describe_networks()
    document["components"] = packages + networks
    root_component = document["metadata"]["component"]
    root_component["licenses"] = [{"expression": _PROJECT["license"], "acknowledgement": "declared"}]
    names = {one["bom-ref"] for one in document["components"]} | {root_component["bom-ref"]}
    document["dependencies"] = [
        {**one, "dependsOn": sorted(set(one.get("dependsOn", [])) & names)}
        for one in document["dependencies"]
        if one["ref"] in names
    ]
    root = next(one for one in document["dependencies"] if one["ref"] == root_component["bom-ref"])
    root["dependsOn"] = sorted({*root["dependsOn"], *(one["bom-ref"] for one in networks)})
    return document


if __name__ == "__main__":
    _, environment, output = sys.argv
    bill = build(environment)
    Path(output).write_text(json.dumps(bill, indent=1) + "\n", encoding="utf-8")
    print(f"{output}: {len(bill['components'])} components")
