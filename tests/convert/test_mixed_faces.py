"""Augmentation for living rooms, wider networks, and the merging of heads."""

from typing import Any

import numpy as np
import pytest

from convert.face.student.key_points import TYPICAL_POINTS
from tests.convert.portraits import portrait

pytestmark = pytest.mark.convert
torch: Any = pytest.importorskip("torch", reason="the training environment: make test-convert")


def _faces(count: int = 24) -> Any:
    from convert.face.student.living_room import FacePictures
    from convert.face.student.outlines import find_black_outlines

    pictures = np.stack([portrait(seed, 48) for seed in range(count)])
    masks = torch.from_numpy(find_black_outlines(pictures))
    on_black = torch.arange(count) % 2 == 0
    pixels = torch.from_numpy(pictures)
    pixels[~on_black] = pixels[~on_black].clamp(min=90)
    return FacePictures(
        pixels,
        masks,
        torch.from_numpy(np.repeat(TYPICAL_POINTS[None], count, axis=0)),
        torch.arange(count) % 7,
        on_black,
    )


def _generator(seed: int = 0) -> Any:
    return torch.Generator().manual_seed(seed)


def test_changed_faces_depend_only_on_the_seed_and_stay_in_range() -> None:
    from convert.face.student.living_room import change_faces

    first, again, other = (change_faces(_faces(), _generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert float(first.min()) >= 0
    assert float(first.max()) <= 255


def test_faces_on_black_get_surroundings_and_keep_their_inside() -> None:
    from convert.face.student.backgrounds import change_backgrounds

    faces = _faces(400)
    changed = change_backgrounds(faces, _generator())
    corners = changed[:, 0, 0]
    filled = (corners[faces.is_zoomed] > 40).float().mean()
    assert 0.6 < float(filled) < 0.8
    blacked = (corners[~faces.is_zoomed] < 40).float().mean()
    assert 0.05 < float(blacked) < 0.4
    middle = (changed[:, 20:28, 20:28].int() - faces.pixels[:, 20:28, 20:28].int()).abs().max()
    assert int(middle) <= 1


def test_glasses_are_drawn_around_the_eyes() -> None:
    from convert.face.student.living_room import draw_glasses

    n = 60
    pixels = torch.full((n, 48, 48), 150.0)
    across = (2 * torch.arange(48) + 1) / 48 - 1
    y, x = torch.meshgrid(across, across, indexing="ij")
    positions = torch.stack([x, y], dim=2).expand(n, 48, 48, 2)
    points = torch.from_numpy(np.repeat(TYPICAL_POINTS[None], n, axis=0))
    changed = (draw_glasses(pixels, positions, points, _generator()) - pixels).abs().mean(dim=0)
    assert float(changed[30:].mean()) < 1 < float(changed[12:26].mean())


def test_a_wider_network_predicts_the_same() -> None:
    from convert.face.student.network import MixedFace
    from convert.face.student.widen import widen

    torch.manual_seed(0)
    narrow, wide = MixedFace((4, 6, 8, 10)), MixedFace((5, 9, 8, 16))
    for norm in narrow.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(norm.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
    widen(narrow, wide, _generator(), noise=0.0)
    x = torch.randn(3, 1, 48, 48)
    with torch.inference_mode():
        for one, other in zip(narrow.eval().all_heads(x), wide.eval().all_heads(x), strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_merged_heads_predict_the_same_as_their_mixture() -> None:
    from convert.face.student.network import HeadMix, MixedFace, merge_heads

    torch.manual_seed(0)
    network, x = MixedFace((4, 6, 8, 10)).eval(), torch.randn(3, 1, 48, 48)
    prior = torch.rand(7).log()
    mix = HeadMix(1.0, 0.3, 0.5, 0.25)
    with torch.inference_mode():
        merged = merge_heads(network, mix, prior)
        emotions, ferplus, webfaces = network.all_heads(x)
        torch.testing.assert_close(merged(x), mix.mix(emotions, ferplus, webfaces, prior))
        torch.testing.assert_close(merged.both(x)[1], ferplus)


def test_a_row_counts_for_its_own_dataset_alone() -> None:
    from convert.face.plan import FacePlan
    from convert.face.student.data import MixedFaces
    from convert.face.student.network import MixedFace
    from convert.face.student.task import MixedPlan, make_task

    faces = _faces(16)
    targets = torch.zeros(16, 22)
    targets[:, 15] = 1  # webfaces' first emotion
    even = torch.full((7,), 1 / 7)
    plan = FacePlan(epochs=2, batch=8, learning_rate=0.1, weight_decay=0.0)
    network = MixedFace((4, 6, 8, 10))
    task = make_task("t", network, MixedFaces(faces, targets, even, even), lambda _: {}, plan, MixedPlan())
    batches = list(task.batches(0))
    assert len(batches) == task.batches_per_epoch == 2
    again = list(task.batches(0))
    assert torch.equal(batches[0][0], again[0][0])
    task.loss(network, batches[0]).backward()
    assert float(network.emotions.weight.grad.abs().sum()) == 0
    assert float(network.webfaces.weight.grad.abs().sum()) > 0


def test_heads_are_chosen_by_their_accuracy() -> None:
    from convert.face.student.choose_heads import HeadLogits, choose_heads

    labels = np.arange(70) % 7
    right = 6 * torch.nn.functional.one_hot(torch.from_numpy(labels), 7).float()
    wrong, eight = right.roll(1, dims=1), torch.zeros(70, 8)
    public = HeadLogits((torch.zeros(70, 7), eight, right), labels)
    best, *others = choose_heads(public, public, torch.zeros(7), 0.4)
    assert best.mix.webfaces > 0
    assert best.public == best.public_uar == 100
    assert best.score >= max(choice.score for choice in others)
    misled = HeadLogits((right, eight, wrong), labels)
    assert choose_heads(misled, misled, torch.zeros(7), 0.4)[0].mix.webfaces < 1


def test_no_mixture_that_loses_the_faces_at_home_is_chosen() -> None:
    from convert.face.student.choose_heads import MIN_PUBLIC, HeadLogits, choose_heads

    labels = np.arange(70) % 7
    right = torch.nn.functional.one_hot(torch.from_numpy(labels), 7).float()
    wrong, eight = right.roll(1, dims=1), torch.zeros(70, 8)
    half = (torch.arange(70) < 35).float()[:, None]
    public = HeadLogits((right, eight, 10 * half * wrong), labels)
    portraits = HeadLogits((wrong, eight, 10 * right), labels)
    # With webfaces' head every portrait would be right, and half of PublicTest.
    (chosen, *others) = choose_heads(public, portraits, torch.zeros(7), 0.4)
    assert chosen.mix.webfaces == 0
    assert all(choice.public >= MIN_PUBLIC for choice in (chosen, *others))
