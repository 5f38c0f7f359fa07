"""Drawings of faces, and the distillation of larger networks into a smaller one."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.evaluation.shipped import AS_PUBLISHED
from device.errors import ModelError, SettingsError
from device.perception.face.classifier import face_input
from tests.convert.waits import train_where_little_is_there

pytestmark = pytest.mark.convert
torch: Any = pytest.importorskip("torch", reason="the training environment: make test-convert")


def _pictures(count: int, seed: int = 3) -> Any:
    coarse = np.random.default_rng(seed).uniform(0, 255, (count, 6, 6))
    return torch.from_numpy(np.stack([np.kron(picture, np.ones((8, 8))) for picture in coarse]).astype(np.uint8))


def test_a_batch_of_faces_is_normalized_as_the_device_normalizes_one() -> None:
    from convert.face.distillation import face_inputs

    pictures = torch.cat([_pictures(5), torch.full((1, 48, 48), 90, dtype=torch.uint8)])
    wanted = np.concatenate([face_input(picture) for picture in pictures.numpy()])
    np.testing.assert_allclose(face_inputs(pictures).permute(0, 2, 3, 1).numpy(), wanted, atol=1e-5)


def test_a_drawing_is_repeatable_and_differs_from_others() -> None:
    from convert.face.distillation import draw

    pictures = _pictures(40)
    first, again, other = (draw(pictures, (1, number), 1.0) for number in (4, 4, 5))
    assert torch.equal(first.inputs, again.inputs)
    assert torch.equal(first.share, again.share)
    assert (first.inputs - other.inputs).abs().mean() > 0.3


def test_a_mixed_in_picture_has_its_share_of_the_target() -> None:
    from convert.face.distillation import draw, face_inputs

    pictures = _pictures(400)
    drawing = draw(pictures, (1, 0), 1.0)
    alone = (drawing.share == 1).float().mean()
    assert 0.4 < float(alone) < 0.6, "half of them at full augmentation"
    assert float(drawing.share.min()) >= 0.5
    wanted = drawing.mix(torch.eye(400))
    np.testing.assert_allclose(wanted.sum(dim=1).numpy(), 1, atol=1e-5)
    faint = int(drawing.share.argmin())
    assert float(wanted[faint, faint]) == pytest.approx(float(drawing.share[faint]))
    assert float(wanted[faint, drawing.other[faint]]) == pytest.approx(1 - float(drawing.share[faint]))
    # A picture still resembles itself and the one mixed in.
    flat = torch.nn.functional.normalize(drawing.inputs.flatten(1), dim=1)
    clean = face_inputs(pictures)
    like = torch.maximum(
        flat @ torch.nn.functional.normalize(clean.flatten(1), dim=1).T,
        flat @ torch.nn.functional.normalize(clean.flip(3).flatten(1), dim=1).T,
    )
    mixed = drawing.share[:, 0] < 0.7
    assert float(like.diagonal()[mixed].mean()) > float(like.mean()) + 0.1
    assert float(like[mixed, drawing.other[mixed]].mean()) > float(like.mean()) + 0.05


def test_augmentation_keeps_the_range_mirrors_half_and_grows_with_strength() -> None:
    from convert.face.augment import augment

    lit_left = torch.full((600, 48, 48), 60, dtype=torch.uint8)
    lit_left[:, :, :24] = 180
    changed = {}
    for strength in (0.0, 1.0):
        augmented = augment(lit_left, torch.Generator().manual_seed(1), strength)
        assert augmented.shape == (600, 48, 48)
        assert augmented.dtype == torch.float32
        assert 0 <= float(augmented.min()) <= float(augmented.max()) <= 255
        left = augmented[:, :, :24].mean(dim=(1, 2)) > augmented[:, :, 24:].mean(dim=(1, 2))
        assert 0.42 < float(left.float().mean()) < 0.58
        upright = torch.where(left[:, None, None], augmented, augmented.flip(2))
        changed[strength] = float((upright - lit_left.float()).abs().mean())
    assert changed[1.0] > 1.5 * changed[0.0] > 0


@pytest.mark.parametrize("name", ["_light", "_change_tone", "_reduce", "_blur", "_add_noise", "_cover"])
def test_each_change_does_what_it_says_and_nothing_else(name: str) -> None:
    from convert.face import augment

    pixels = _pictures(50).float()
    pixels = pixels * 0.5 + 64
    augmented = getattr(augment, name)(pixels, torch.Generator().manual_seed(2))
    away = (augmented - pixels).abs()
    assert (away.flatten(1).max(dim=1).values > 0).float().mean() > 0.9
    sharpness = [float(p.diff(dim=2).square().mean().sqrt()) for p in (pixels, augmented)]
    if name in ("_reduce", "_blur"):
        assert sharpness[1] < 0.95 * sharpness[0]
        assert abs(float((augmented - pixels).mean())) < 1
    elif name == "_add_noise":
        assert sharpness[1] > sharpness[0] + 1
        assert 2 < float((augmented - pixels).std()) < 10
    elif name == "_cover":
        covered = (away > 0).flatten(1).float().mean(dim=1)
        assert float(covered.min()) >= 0.9 / 64
        assert float(covered.max()) <= 1 / 9
    else:  # light and tone nearly always keep the brighter of two neighbours
        same = augmented.diff(dim=1).sign() == pixels.diff(dim=1).sign()
        edges = pixels.diff(dim=1).abs() > 15
        assert float(same[edges].float().mean()) > 0.97


def test_teachers_see_the_same_drawing_and_their_predictions_are_stored(tmp_path: Path) -> None:
    from convert.face.distillation import CALM, STRONG, augmentation_strength, draw, load_targets, load_teacher
    from convert.networks.face import TEACHER, MienFace

    folders = [tmp_path / name for name in ("a", "b")]
    for seed, folder in enumerate(folders):
        torch.manual_seed(seed)
        folder.mkdir()
        torch.save(MienFace(TEACHER).state_dict(), folder / "best.pt")
    pictures, stored = _pictures(6), tmp_path / "runs" / "lessons.pt"
    targets = load_targets(folders, pictures, 1, stored)
    assert sorted(targets) == list(range(STRONG + CALM))
    for rows in targets.values():
        assert rows.shape == (6, 7 + 8)
        np.testing.assert_allclose(rows[:, :7].float().sum(dim=1).numpy(), 1, atol=5e-3)
    last = STRONG + CALM - 1
    inputs = draw(pictures, (1, last), augmentation_strength(last)).inputs.to(torch.bfloat16)
    with torch.inference_mode():
        direct = torch.stack(
            [load_teacher(folder, pictures).both(inputs)[1].float().softmax(dim=1) for folder in folders]
        )
    np.testing.assert_allclose(targets[last][:, 7:].float().numpy(), direct.mean(dim=0).numpy(), atol=1e-2)

    stored.write_bytes(stored.read_bytes())
    before = stored.stat().st_mtime_ns
    torch.testing.assert_close(load_targets(folders, pictures, 1, stored), targets, rtol=0, atol=0)
    assert stored.stat().st_mtime_ns == before, "run once"
    load_targets(folders[:1], pictures, 1, stored)
    assert stored.stat().st_mtime_ns != before, "other teachers run again"


def test_teachers_have_any_size_and_can_be_a_committed_network(tmp_path: Path) -> None:
    from convert.face.distillation import draw, hash_teachers, load_targets, load_teacher
    from convert.networks.face import MienFace

    torch.manual_seed(2)
    torch.save(MienFace().state_dict(), tmp_path / "best.pt")
    teachers, pictures = [tmp_path, AS_PUBLISHED], _pictures(64)
    targets = load_targets(teachers, pictures, 1, tmp_path / "kept.pt")
    inputs = draw(pictures, (1, 0), 1.0).inputs.to(torch.bfloat16)
    with torch.inference_mode():
        direct = torch.stack([load_teacher(one, pictures).both(inputs)[0].float().softmax(dim=1) for one in teachers])
    np.testing.assert_allclose(targets[0][:, :7].float().numpy(), direct.mean(dim=0).numpy(), atol=1e-2)
    assert direct[1].max(dim=1).values.mean() > direct[0].max(dim=1).values.mean(), "one of them is trained"
    assert len({hash_teachers(teachers), hash_teachers(teachers[:1]), hash_teachers(teachers[1:])}) == 3
    with pytest.raises(ModelError, match=r"gone\.tflite: cannot be read"):
        hash_teachers([tmp_path / "gone.tflite"])


def test_teachers_run_only_on_the_drawings_needed_and_resume(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from convert.face.distillation import STRONG, load_targets, select_drawing
    from convert.networks.face import MienFace

    torch.save(MienFace().state_dict(), tmp_path / "best.pt")
    # Ten epochs, the last three calm: seven drawings at full augmentation, three at less.
    numbers = [select_drawing(epoch, 10, 0.7) for epoch in range(10)]
    assert len(set(numbers)) == 10
    assert [number >= STRONG for number in numbers] == 7 * [False] + 3 * [True]
    pictures, stored = _pictures(6), tmp_path / "kept.pt"
    first = load_targets([tmp_path], pictures, 1, stored, numbers=numbers[:4])
    assert sorted(first) == sorted(numbers[:4])
    capsys.readouterr()
    both = load_targets([tmp_path], pictures, 1, stored, numbers=numbers)
    assert capsys.readouterr().out.splitlines()[0] == "teachers: 5/10 drawings done by 1 networks"
    assert sorted(both) == sorted(numbers)
    assert all(torch.equal(both[number], rows) for number, rows in first.items())


def test_ferplus_can_have_its_own_teachers(corpora: Path, tmp_path: Path) -> None:
    from convert.face.distillation import load_targets
    from convert.face.plan import PLAN
    from convert.face.task import face_task
    from convert.networks.face import MienFace

    folders = [tmp_path / name for name in ("labels", "votes")]
    for seed, folder in enumerate(folders):
        torch.manual_seed(seed)
        folder.mkdir()
        torch.save(MienFace().state_dict(), folder / "best.pt")
    pictures, stored = _pictures(6), tmp_path / "lessons.pt"
    alone = [load_targets([folder], pictures, 1, tmp_path / f"{folder.name}.pt", numbers=[3])[3] for folder in folders]
    targets = load_targets(folders[:1], pictures, 1, stored, folders[1:], [3])
    torch.testing.assert_close(targets, {3: torch.cat([alone[0][:, :7], alone[1][:, 7:]], dim=1)})
    torch.testing.assert_close(load_targets(folders[:1], pictures, 1, stored, numbers=[3]), {3: alone[0]})
    assert not torch.equal(alone[0][:, 7:], alone[1][:, 7:])
    # A teacher named twice counts twice.
    twice = load_targets([*folders, folders[1]], pictures, 1, stored, numbers=[3])[3].float()
    torch.testing.assert_close(twice, (alone[0].float() + 2 * alone[1].float()) / 3, rtol=0, atol=1e-3)
    with pytest.raises(SettingsError, match=r"--ferplus-teachers needs --teachers"):
        face_task(corpora, PLAN, 60, ferplus_teachers=folders)


@pytest.mark.timeout(600)
def test_distillation_works_with_only_pytorch_numpy_and_opencv(corpora: Path, tmp_path: Path) -> None:
    few = ("--data", str(corpora), "--rows", "40", "--batch", "20", "--epochs", "1")
    early = train_where_little_is_there("face", *few, "--teachers", "runs/face-teacher-1", where=tmp_path)
    assert early.returncode == 1
    assert "runs/face-teacher-1/best.pt: cannot be read" in early.stderr
    assert "convert train face-teacher-1" in early.stderr
    teacher_options = ("--teachers", "runs/face-teacher-1", "--ferplus-teachers", "runs/face-teacher-1")
    for words in (("face-teacher-1",), ("face", *teacher_options)):
        done = train_where_little_is_there(*words, *few, where=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((tmp_path / "runs" / "face" / "run.json").read_text())
    assert [len(sha256) for sha256 in record["plan"]["teacher"].split()] == [64, 64]
    assert "1/1 drawings done by 1 networks" in done.stdout
    # The student is the small network, whatever its teacher.
    sizes = [
        sum(v.numel() for v in torch.load(tmp_path / "runs" / name / "best.pt", weights_only=True).values())
        for name in ("face", "face-teacher-1")
    ]
    assert sizes[0] < 900_000
    assert sizes[1] > 10_000_000
    # Starting from a student's run folder begins with its weights.
    on = train_where_little_is_there(
        "face", *few, "--start", "runs/face", "--out", "runs/on", "--learning-rate", "1e-9", where=tmp_path
    )
    assert on.returncode == 0, on.stdout + on.stderr
    weights = [torch.load(tmp_path / "runs" / name / "best.pt", weights_only=True) for name in ("face", "on")]
    torch.testing.assert_close(weights[0]["emotions.weight"], weights[1]["emotions.weight"], atol=1e-4, rtol=1e-3)
