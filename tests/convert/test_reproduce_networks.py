"""The seeds' networks match their reports: parameter counts, shapes, and their mistakes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from convert.evaluation.predictions import Predictions
from device.emotions import EMOTIONS
from device.errors import ModelError

pytestmark = pytest.mark.convert
torch = pytest.importorskip("torch", reason="the training environment: make test-convert")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from convert.reproduce import networks_a, networks_b, networks_c, networks_d, networks_e  # noqa: E402
from convert.reproduce.keras import count_keras_parameters, init_as_keras  # noqa: E402
from convert.reproduce.results import count_confusions, second_guess_share  # noqa: E402
from convert.reproduce.training import FitPlan, Part, fit, predict_logits, squared_error  # noqa: E402

PRINTED: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "B's CNN": (networks_b.VoiceCnn, 21_205_127),
    "B's CNN + LSTM": (networks_b.VoiceCnnLstm, 401_303),
    "B's face as it was": (lambda: networks_b.FaceCnn(rows_as_channels=True), 7_394_247),
    "B's face as it was meant": (lambda: networks_b.FaceCnn(rows_as_channels=False), 21_536_487),
    "D's sound": (networks_d.SoundCnn, 66_150),
    "E's pictures": (networks_e.VisualCnn, 1_837_496),
    "VGGish": (networks_e.Vggish, 72_141_184),
}


@pytest.mark.parametrize("name", PRINTED)
def test_the_printed_number_of_parameters(name: str) -> None:
    make, count = PRINTED[name]
    with torch.device("meta"):  # counted without allocating memory
        assert count_keras_parameters(make()) == count


def test_parameters_are_counted_as_keras_does() -> None:
    # 4 gates × (inputs + memory + one bias) × memory, and four numbers per normalized channel.
    assert count_keras_parameters(nn.LSTM(3, 5)) == 4 * (3 + 5 + 1) * 5
    assert count_keras_parameters(nn.Sequential(nn.Conv2d(2, 6, 3), nn.BatchNorm2d(6))) == 2 * 6 * 9 + 6 + 4 * 6
    assert count_keras_parameters(nn.Linear(4, 2)) == 10


def test_a_network_is_initialized_as_in_keras() -> None:
    torch.manual_seed(0)
    dense, lstm = nn.Linear(300, 100), nn.LSTM(20, 40)
    init_as_keras(nn.ModuleList([dense, lstm]))
    assert float(dense.weight.abs().max()) == pytest.approx((6 / 400) ** 0.5, rel=0.01)
    assert not dense.bias.any()
    forget = lstm.bias_ih_l0 + lstm.bias_hh_l0
    assert forget.tolist() == [0.0] * 40 + [1.0] * 40 + [0.0] * 80
    best_epoch = lstm.weight_hh_l0.detach()
    np.testing.assert_allclose(best_epoch.T @ best_epoch, np.eye(40), atol=1e-4)


SHAPES: dict[str, tuple[Callable[[], nn.Module], tuple[tuple[int, ...], ...], int]] = {
    "A's voice": (networks_a.VoiceNetwork, ((networks_a.FEATURES,),), 7),
    "A's face": (networks_a.FaceNetwork, ((1, 48, 48),), 7),
    "B's MFCC": (networks_b.MfccClassifier, ((2 * networks_b.MFCC,),), 7),
    "B's CNN": (networks_b.VoiceCnn, ((1, 96, 431),), 7),
    "B's CNN + LSTM": (networks_b.VoiceCnnLstm, ((1, 96, 431),), 7),
    "B's face as it was": (lambda: networks_b.FaceCnn(rows_as_channels=True), ((1, 48, 48),), 7),
    "B's face as it was meant": (lambda: networks_b.FaceCnn(rows_as_channels=False), ((1, 48, 48),), 7),
    "C's face": (networks_c.FaceCnn, ((1, 48, 48),), 7),
    "D's face": (lambda: networks_d.FaceCnn(5), ((1, 48, 48),), 5),
    "D's sound": (networks_d.SoundCnn, ((1, 40, 216),), 6),
    "D's video": (networks_d.TimeDistributedCnn, ((10, 1, 48, 48),), 6),
    "E's embeddings": (lambda: networks_e.Vggish(4), ((1, 96, 64),), 128),
    "E's LSTM": (networks_e.FeatureLstm, ((150, 40),), 8),
    "E's pictures": (networks_e.VisualCnn, ((3, 128, 128),), 8),
    "E's two as one": (networks_e.Joint, ((150, 40), (3, 128, 128)), 8),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_networks_shapes_match_its_docstring(name: str) -> None:
    make, inputs, outputs = SHAPES[name]
    with torch.inference_mode():
        output = make().eval()(*(torch.rand(2, *shape) for shape in inputs))
    assert output.shape == (2, outputs)


def test_bs_lstm_gets_five_steps_of_128() -> None:
    with torch.inference_mode():
        assert networks_b.VoiceCnnLstm().eval().steps(torch.rand(1, 1, 96, 431)).shape == (1, 5, 128)


def test_b_read_the_picture_as_48_channels_of_one_row() -> None:
    network = networks_b.FaceCnn(rows_as_channels=True).eval()
    picture = torch.rand(1, 1, 48, 48)
    assert network.features[0].weight.numel() + network.features[0].bias.numel() == 13_856
    assert network.features[0](network.read_axes(picture)).shape == (1, 32, 3, 50)
    # A channel is a column of the picture: its position is lost, and its pixels lie along the one row.
    np.testing.assert_array_equal(network.read_axes(picture)[0, 7, 0], picture[0, 0, :, 7])
    assert networks_b.FaceCnn(rows_as_channels=False).read_axes(picture) is picture


def test_bs_original_network_sees_no_shape_across_columns() -> None:
    """Each column is a channel with its own weights: a face moved by one column gives other features."""
    torch.manual_seed(0)
    picture = torch.zeros(1, 1, 48, 48)
    picture[0, 0, 20:28, 20:28] = 1
    moved = picture.roll(2, dims=3)
    change = {}
    for was in (True, False):
        network = networks_b.FaceCnn(rows_as_channels=was).eval()
        with torch.inference_mode():
            first, second = (network.features[0](network.read_axes(p)) for p in (picture, moved))
        aligned = second if was else second.roll(-2, dims=3)
        change[was] = float((first - aligned).abs().max())
    assert change[False] < 1e-5
    assert change[True] > 0.01


def test_focal_loss_is_cross_entropy_with_less_weight_on_easy_rows() -> None:
    logits, labels = torch.tensor([[4.0, 0.0, 0.0], [0.0, 0.0, 0.5]]), torch.tensor([0, 1])
    against = functional.cross_entropy(logits, labels, reduction="none")
    easy, hard = (float(networks_d.focal_loss(logits[i : i + 1], labels[i : i + 1]) / against[i]) for i in (0, 1))
    assert easy < 0.01
    assert hard > 0.4
    assert float(networks_d.focal_loss(logits, labels, gamma=0.0)) == pytest.approx(float(against.mean()))


def test_d_starts_from_its_five_classes() -> None:
    torch.manual_seed(0)
    five = networks_d.FaceCnn(5).eval()
    picture = torch.rand(1, 1, 48, 48)
    places = {0: 0, 1: 1, 2: 2, 3: 3, 4: 6}
    seven = networks_d.FaceCnn(7).eval().start_from(five, places).eval()
    with torch.inference_mode():
        np.testing.assert_allclose(seven(picture)[0, [0, 1, 2, 3, 6]], five(picture)[0], atol=1e-5)


def test_es_squared_error_hardly_moves_an_undecided_softmax() -> None:
    """Why E's pictures stayed at chance: its loss has a fraction of cross-entropy's gradient."""
    slopes = []
    for loss in (squared_error, functional.cross_entropy):
        logits = torch.zeros(1, 8, requires_grad=True)
        loss(logits, torch.tensor([3])).backward()
        slopes.append(float(logits.grad.abs().max()))
    assert slopes[0] < 0.05 * slopes[1]


def test_vggish_weights_are_loaded_by_name(tmp_path: Path) -> None:
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in networks_e.Vggish().state_dict().items()}
    # Expanded from one number each, so that the file is small.
    state = {name: torch.tensor([i / 100]).expand(shape) for i, (name, shape) in enumerate(shapes.items())}
    torch.save({**state, "pproc.pca_means": torch.zeros(128)}, tmp_path / "vggish.pt")
    network = networks_e.load_vggish(tmp_path / "vggish.pt")
    for i, value in enumerate(network.state_dict().values()):
        assert float(value.flatten()[0]) == pytest.approx(i / 100)


@pytest.mark.parametrize("content", [None, b"no weights", {"features.0.weight": [1]}])
def test_other_weights_are_refused_by_name(content: object, tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(ModelError, match=r"other.pt: no VGGish weights"):
        networks_e.load_vggish(path)


def test_a_shows_five_pictures_with_the_same_prediction() -> None:
    read = torch.tensor([0, 3, 3, 3, 1, 3, 3, 3, 2])
    shown = networks_a.draw_five(3, read, torch.Generator().manual_seed(0))
    assert len(set(shown.tolist())) == 5
    assert set(read[shown].tolist()) == {3}
    assert networks_a.draw_five(2, read, torch.Generator()).tolist() == [8]


def part(count: int, seed: int) -> Part:
    """Faces unrelated to their labels: a network can only memorize them."""
    generator = torch.Generator().manual_seed(seed)
    pictures = torch.randint(0, 256, (count, 1, 48, 48), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, 7, (count,), generator=generator)
    names = np.array([f"{seed}-{i}" for i in range(count)])
    return Part((pictures,), labels, names, np.full(count, ""), np.full(count, "made"))


def test_c_recognizes_its_training_rows_and_nothing_else() -> None:
    training, fresh = part(70, 1), part(140, 2)
    torch.manual_seed(0)
    network = networks_c.FaceCnn()
    fit(network, training, fresh, FitPlan(60, 10, keep_last=True))
    right = {
        name: float((predict_logits(network, rows).argmax(1) == rows.labels).float().mean())
        for name, rows in (("trained on", training), ("fresh", fresh))
    }
    assert right["trained on"] > 0.95
    assert right["fresh"] < 0.35


def test_the_best_epoch_is_kept_and_training_ends_early() -> None:
    training, fresh = part(40, 1), part(80, 2)
    torch.manual_seed(0)
    network = networks_c.FaceCnn()
    log = fit(network, training, fresh, FitPlan(60, 10, patience=4))
    losses = [line["validation_loss"] for line in log]
    right = [line["validation_accuracy"] for line in log]
    assert len(log) == int(np.argmin(losses)) + 1 + 4
    best_epoch = 100 * float((predict_logits(network, fresh).argmax(1) == fresh.labels).float().mean())
    assert best_epoch == pytest.approx(max(right), abs=1e-3)
    assert best_epoch > right[-1]


def test_training_is_the_same_twice() -> None:
    output = []
    for _ in range(2):
        torch.manual_seed(3)
        network = networks_c.FaceCnn()
        fit(network, part(20, 1), part(10, 2), FitPlan(2, 5))
        output.append(predict_logits(network, part(10, 2)))
    assert torch.equal(output[0], output[1])


def test_the_truth_as_second_guess_is_counted_among_errors_only() -> None:
    logits = np.array([[9, 1, 0], [9, 1, 0], [9, 1, 0], [0, 1, 9]], np.float32)
    truth = np.array([0, 1, 2, 0])
    blank = np.full(4, "")
    output = Predictions(("a", "b", "c"), logits, truth, blank, blank, blank)
    assert second_guess_share(output) == pytest.approx(100 / 3)
    assert second_guess_share(output.select(truth == output.prediction)) == 0
    assert count_confusions(output).tolist() == [[1, 0, 1], [1, 0, 0], [1, 0, 0]]


def test_the_seven_are_miens() -> None:
    assert networks_c.FaceCnn()[-1].out_features == len(EMOTIONS)
    assert set(networks_d.CREMA_D) < set(EMOTIONS)
    assert set(networks_e.EIGHT) - {"calm"} == set(EMOTIONS)
