"""What the README claims of the networks, by the command that a user has. Needs the datasets."""

import io
import json
import subprocess
import sys
import zipfile
from collections import defaultdict
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from convert.datasets.pictures.fer2013 import Fer2013
from convert.evaluation.metrics import recall
from device.emotions import EMOTIONS

DATA = Path(__file__).parents[2] / "shared" / "data"
pytestmark = [
    pytest.mark.data,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here: FER2013 and RAVDESS are needed"),
]
CALM = {"calm": "neutral"}


def analyzed(*words: str) -> list[dict[str, object]]:
    command = [sys.executable, "-m", "device.cli", "analyze", "--json", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_faces_of_fer2013_privatetest_are_read_right_64_times_in_100(tmp_path: Path) -> None:
    faces = Fer2013(DATA / "fer2013").test()
    for i, picture in enumerate(faces.pictures):
        cv2.imwrite(str(tmp_path / f"{i:05d}.png"), picture)
    results = analyzed("--crop", "--senses", "face", str(tmp_path))
    assert len(results) == 3_589
    read = [result["faces"][0]["emotion"] for result in results]  # type: ignore[index]
    right = np.mean([EMOTIONS.index(e) == label for e, label in zip(read, faces.labels, strict=True)])
    print(f"FER2013 PrivateTest: {100 * right:.2f} %")
    assert right >= 0.64


def test_ravdess_speech_of_actors_never_heard_before_is_read_with_45_uar(tmp_path: Path) -> None:
    truth = {}
    table = (DATA / "speech" / "ravdess_speech.csv").read_text().splitlines()
    columns = table[0].split(",")
    with zipfile.ZipFile(DATA / "speech" / "ravdess_speech.zip") as archive:
        for row in (dict(zip(columns, line.split(","), strict=True)) for line in table[1:]):
            if row["speaker"] in {"RAV21", "RAV22", "RAV23", "RAV24"}:
                (tmp_path / f"{row['name']}.opus").write_bytes(archive.read(f"{row['name']}.opus"))
                truth[f"{row['name']}.opus"] = CALM.get(row["emotion"], row["emotion"])
    results = analyzed("--senses", "voice", str(tmp_path))
    assert len(results) == len(truth) == 240
    read, label = [], []
    for result in results:
        voice = result["voice"]
        label.append(EMOTIONS.index(truth[Path(str(result["path"])).name]))
        read.append(EMOTIONS.index(voice["emotion"]) if voice else -1)  # type: ignore[index]
    found = recall(np.array(read), np.array(label))
    print(f"RAVDESS speech, actors 21-24: {found:.2f} UAR")
    assert found >= 45


def test_household_noises_are_seldom_taken_for_a_voice(tmp_path: Path) -> None:
    heard = defaultdict(list)
    kinds = [line.split(",")[:3:2] for line in (DATA / "noise" / "esc10.csv").read_text().splitlines()[1:]]
    with zipfile.ZipFile(DATA / "noise" / "esc10.zip") as archive:
        kept = [(name, kind) for name, kind in kinds if "baby" not in kind][::5]
        for name, _ in kept:
            content = archive.read(f"{name}.opus")
            assert av.open(io.BytesIO(content)).streams.audio
            (tmp_path / f"{name}.opus").write_bytes(content)
    by_name = {Path(str(r["path"])).stem: r for r in analyzed("--senses", "voice", str(tmp_path))}
    for name, kind in kept:
        heard[kind].append(by_name[name]["voice"] is not None)
    share = np.mean([v for values in heard.values() for v in values])
    print({kind: f"{np.mean(values):.0%}" for kind, values in heard.items()})
    assert share < 0.2
