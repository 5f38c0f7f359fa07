"""A support vector machine as the teacher of the prosody network."""

from typing import Any

import numpy as np
import pytest

from device.errors import MediaError

pytestmark = pytest.mark.convert
torch: Any = pytest.importorskip("torch", reason="the training environment: make test-convert")

CLASSES = 5
USED = (0, 2, 4)


def _voices(count: int, seed: int) -> "tuple[np.ndarray, np.ndarray]":
    rng = np.random.default_rng(seed)
    wanted = rng.choice(USED, count)
    centres = 0.5 * np.random.default_rng(1).normal(size=(CLASSES, 288))
    return (centres[wanted] + rng.normal(size=(count, 288))).astype(np.float32), wanted


def _teacher() -> Any:
    from convert.voice.svm import SupportVectors

    inputs, wanted = _voices(300, 2)
    return SupportVectors(inputs, wanted, np.ones(300, np.float32), CLASSES)


def test_it_predicts_like_scikit_learn_and_returns_probabilities() -> None:
    from sklearn.svm import SVC

    inputs, wanted = _voices(400, 3)
    shares = _teacher()(torch.from_numpy(inputs)).numpy()
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    own = SVC(C=1.0, gamma=1e-3).fit(*_voices(300, 2)).predict(inputs)
    assert np.mean(own == wanted) > 0.9, "the task is too hard to tell a good teacher from a bad one"
    assert np.mean(shares.argmax(axis=1) == own) > 0.98
    assert shares[:, [1, 3]].max() < shares.max(axis=1).min(), "of classes that it never met it says little"


def test_it_is_less_confident_between_two_voices() -> None:
    teacher = _teacher()
    inputs, wanted = _voices(300, 2)
    first, second = (torch.from_numpy(inputs[wanted == k].mean(axis=0, keepdims=True)) for k in USED[:2])
    sure = [float(teacher(x).max()) for x in (first, second, (first + second) / 2)]
    assert sure[2] < min(sure[:2]) - 0.1


def test_two_emotions_are_too_few_to_train_on() -> None:
    from convert.voice.svm import SupportVectors

    inputs, wanted = _voices(30, 2)
    few = wanted != USED[0]
    with pytest.raises(MediaError, match=r"2 emotions in .* clips; at least three"):
        SupportVectors(inputs[few], wanted[few], np.ones(int(few.sum()), np.float32), CLASSES)


def test_half_precision_around_it_changes_nothing() -> None:
    teacher, inputs = _teacher(), torch.from_numpy(_voices(50, 4)[0])
    with torch.autocast("cpu", torch.bfloat16):
        halved = teacher(inputs)
    np.testing.assert_array_equal(halved.numpy(), teacher(inputs).numpy())


def test_student_and_teacher_see_the_same_mixed_pairs_and_labels_get_the_rest() -> None:
    from convert.voice.mixup import distillation_loss

    torch.manual_seed(5)
    pupil, teacher, rows = torch.nn.Identity(), torch.nn.Softmax(dim=1), torch.randn(16, CLASSES)
    inputs_by_network: dict[Any, Any] = {}
    for network in (pupil, teacher):
        network.register_forward_pre_hook(lambda network, given: inputs_by_network.update({network: given[0].numpy()}))
    zeros, ones = torch.zeros(16, dtype=torch.int64), torch.ones(16, dtype=torch.int64)

    def loss(labels: Any, share: float, inputs: Any) -> float:
        torch.manual_seed(6)
        return float(
            distillation_loss(pupil, (rows, labels, 3 * rows, inputs), teacher, share, beta=0.4, smoothing=0.0)
        )

    everybody, nobody = torch.ones(16, 1), torch.zeros(16, 1)
    alone, labels = loss(zeros, 1.0, everybody), loss(zeros, 0.0, everybody)
    np.testing.assert_allclose(3 * inputs_by_network[pupil], inputs_by_network[teacher], rtol=1e-5)
    assert not np.allclose(inputs_by_network[pupil], rows.numpy()), "nothing was mixed"
    assert alone == loss(ones, 1.0, everybody) != labels
    assert loss(zeros, 0.25, everybody) == pytest.approx(0.25 * alone + 0.75 * labels, rel=1e-5)
    # The teacher does not know sounds without a voice: their target is the label alone, whatever its share.
    assert loss(zeros, 1.0, nobody) == pytest.approx(labels, rel=1e-6)
    assert loss(zeros, 1.0, nobody) != pytest.approx(loss(ones, 1.0, nobody), rel=1e-3)


def test_mixing_two_clips_by_halves_gives_half_of_each_label(monkeypatch: pytest.MonkeyPatch) -> None:
    from convert.voice.mixup import mixup_loss

    monkeypatch.setattr(torch.distributions.Beta, "sample", lambda _: torch.tensor(0.5))
    monkeypatch.setattr(torch, "randperm", lambda count: torch.arange(count).flip(0))
    logits = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 3.0]])
    found = float(mixup_loss(torch.nn.Identity(), (logits, torch.tensor([0, 2])), beta=0.4, smoothing=0.3))
    middle = torch.log_softmax(logits.mean(dim=0), dim=0)
    wanted = torch.tensor([0.35 + 0.1, 0.1, 0.35 + 0.1])
    assert found == pytest.approx(float(-(wanted * middle).sum()), rel=1e-5)
