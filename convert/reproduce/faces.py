"""The seeds' face recipes: A, B twice and C on FER2013's labels, D on FER+'s."""

from functools import partial

from torch.nn import functional

from convert.reproduce import networks_a, networks_b, networks_c, networks_d
from convert.reproduce.experiment import Experiment, Outcome, Workspace, fit_and_predict
from convert.reproduce.splits import FERPLUS, FIVE
from convert.reproduce.training import FitPlan, Loss, predict, predict_logits

SEVEN = tuple(name for name in FERPLUS if name != "contempt")
IMAGES_PER_CLASS = 2_466
"""As many as FER+ has of anger, less one: D's own number."""


def _a_face(bench: Workspace) -> Outcome:
    parts = bench.corpora.fer2013()
    return fit_and_predict(bench, "a-face", networks_a.FaceNetwork(), parts, FitPlan(8, 64), keep=True)


def _b_face(bench: Workspace, *, rows_as_channels: bool) -> Outcome:
    name = "b-face-as-it-was" if rows_as_channels else "b-face-as-meant"
    network = networks_b.FaceCnn(rows_as_channels=rows_as_channels)
    plan = FitPlan(6 if rows_as_channels else 2, 128, 5e-4)
    return fit_and_predict(bench, name, network, bench.corpora.fer2013(), plan)


TRAINED_ON = "trained-on"


def _c_face(bench: Workspace) -> Outcome:
    """As C trained: to the last epoch, whatever the validation says. Then its own training rows, as a test."""
    parts, network = bench.corpora.fer2013(), networks_c.FaceCnn()
    outcome = fit_and_predict(bench, "c-face", network, parts, FitPlan(24, 64, keep_last=True))
    again = predict(predict_logits(network, parts.training), parts.training, parts.classes)
    return Outcome(outcome.validation, outcome.test, outcome.parameters, outcome.log, {TRAINED_ON: again})


def _d_five(bench: Workspace) -> Outcome:
    parts = bench.corpora.ferplus(FIVE, at_most=IMAGES_PER_CLASS)
    return fit_and_predict(bench, "d-face-5", networks_d.FaceCnn(len(FIVE)), parts, FitPlan(10, 64), keep=True)


def _d_seven(bench: Workspace) -> Outcome:
    parts = bench.corpora.ferplus(SEVEN, at_most=IMAGES_PER_CLASS)
    before = bench.weights("d-face-5", networks_d.FaceCnn(len(FIVE)))
    assert isinstance(before, networks_d.FaceCnn)
    places = {FIVE.index(name): SEVEN.index(name) for name in FIVE}
    network = networks_d.FaceCnn(len(SEVEN)).going_on_from(before, places)
    return fit_and_predict(bench, "d-face-7", network, parts, FitPlan(5, 64, 3e-4, networks_d.focal_loss), goes_on=True)


def _d_eight(bench: Workspace, name: str, loss: Loss) -> Outcome:
    parts = bench.corpora.ferplus(FERPLUS)
    return fit_and_predict(bench, name, networks_d.FaceCnn(len(FERPLUS)), parts, FitPlan(4, 64, loss=loss))


FACES = (
    Experiment(
        *("d-face-5", "D", "ferplus-5", "74 %"), "five classes, as many pictures of each; cross-entropy", _d_five
    ),
    Experiment(
        *("d-face-7", "D", "ferplus-7", "69 %"),
        "going on from the five classes; focal loss; CREMA-D's frames are not here",
        _d_seven,
    ),
    Experiment(
        *("d-face-8-cross-entropy", "D", "ferplus-8", "–"),
        "all eight classes, cross-entropy: what focal loss is measured against",
        partial(_d_eight, name="d-face-8-cross-entropy", loss=functional.cross_entropy),
    ),
    Experiment(
        *("d-face-8-focal", "D", "ferplus-8", "– (disgust and contempt found at all, +10)"),
        "all eight classes, focal loss",
        partial(_d_eight, name="d-face-8-focal", loss=networks_d.focal_loss),
    ),
    Experiment("a-face", "A", "fer2013", "61–64 %", "the layers are our reading; 8 epochs of its 30", _a_face),
    Experiment(
        *("c-face", "C", "fer2013", "98 % (on rows that it was trained on)"),
        "24 epochs of its 50, to the last",
        _c_face,
    ),
    Experiment(
        *("b-face-as-it-was", "B", "fer2013", "61.27 %"),
        "the picture read as 1 row × 48 columns × 48 channels",
        partial(_b_face, rows_as_channels=True),
    ),
    Experiment(
        *("b-face-as-meant", "B", "fer2013", "–"),
        "the same layers on 48×48×1; 2 epochs only: one costs as much as six of the other",
        partial(_b_face, rows_as_channels=False),
    ),
)
