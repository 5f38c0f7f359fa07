"""The targets of a face network (labels softened by votes, sharpened votes) and its score."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from device.errors import SettingsError

pytestmark = pytest.mark.convert
torch: Any = pytest.importorskip("torch", reason="the training environment: make test-convert")


def test_votes_soften_a_label_by_the_share_in_the_plan(corpora: Path) -> None:
    from convert.face.plan import PLAN
    from convert.face.task import face_task

    plan = replace(PLAN, batch=20, epochs=1, calm_from=0.0)
    wanted = {
        hard: torch.cat([rows[:, :7] for _, rows in face_task(corpora, replace(plan, hard=hard), 60).batches(0)])
        for hard in (0.0, 0.5, 1.0)
    }
    for rows in wanted.values():
        np.testing.assert_allclose(rows.sum(dim=1).numpy(), 1, atol=1e-5)
    np.testing.assert_allclose(wanted[0.5].numpy(), (wanted[0.0] + wanted[1.0]).numpy() / 2, atol=1e-5)
    # With labels alone a target is one emotion, unless another picture is mixed in.
    sure = wanted[1.0].max(dim=1).values
    assert float((sure > 0.999).float().mean()) > 0.6
    assert not torch.equal(wanted[0.0], wanted[1.0])


def test_sharpened_votes_favour_the_majority(corpora: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from convert.datasets.pictures.fer2013 import Faces, Fer2013
    from convert.face.plan import PLAN
    from convert.face.task import face_task

    # In the small corpus all ten agree; here three in four vote for one emotion, one in four for another.
    faces = Fer2013(corpora / "fer2013").training().first(60)
    counts = np.tile(np.array([6, 2] + 8 * [0], np.float32), (len(faces), 1))
    monkeypatch.setattr(Fer2013, "training", lambda *_, **__: Faces(faces.pictures, faces.labels, counts))
    for power, share in ((1.0, 0.75), (2.0, 0.9)):
        plan = replace(PLAN, batch=20, epochs=1, sharp=power)
        wanted = torch.cat([rows[:, 7:] for _, rows in face_task(corpora, plan).batches(0)])
        torch.testing.assert_close(wanted, torch.tensor([share, 1 - share] + 6 * [0.0]).expand(len(wanted), 8))


def test_shares_of_votes_are_raised_row_by_row() -> None:
    from convert.face.task import sharpen

    votes = torch.tensor([[0.75, 0.25] + 6 * [0.0], 8 * [0.0]])
    torch.testing.assert_close(sharpen(votes, 2.0), torch.tensor([[0.9, 0.1] + 6 * [0.0], 8 * [0.0]]))
    torch.testing.assert_close(sharpen(votes, 1.0), votes)


def test_a_network_for_ferplus_alone_ignores_labels_and_is_scored_by_votes(corpora: Path) -> None:
    from convert.face.plan import PLAN
    from convert.face.task import face_task

    plan = replace(PLAN, batch=20, epochs=1, labels=0.0)
    task = face_task(corpora, plan, 60)
    task.loss(task.network, next(iter(task.batches(0)))).backward()
    moved = {name for name, weight in task.network.named_parameters() if weight.grad is not None and weight.grad.any()}
    assert "ferplus.weight" in moved
    assert "emotions.weight" not in moved
    third = face_task(corpora, replace(plan, labels=0.5), 60)
    with torch.inference_mode():
        figures, weighed = task.score(task.network.eval()), third.score(task.network)
    assert figures["score"] == figures["ferplus"]
    assert weighed["score"] == pytest.approx((weighed["fer2013"] + 2 * weighed["ferplus"]) / 3)


@pytest.mark.parametrize("weights", [{"sharp": 0.0}, {"sharp": -1.0}, {"labels": -0.1}])
def test_an_invalid_weight_of_votes_or_labels_is_refused(corpora: Path, weights: dict[str, float]) -> None:
    from convert.face.plan import PLAN
    from convert.face.task import face_task

    with pytest.raises(SettingsError, match=r"--sharp must be over 0 and --labels 0 or more"):
        face_task(corpora, replace(PLAN, **weights), 60)  # type: ignore[arg-type]
