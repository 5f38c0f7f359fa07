"""The seeds' face experiments: A, B (twice) and C on FER2013's labels, D on FER+'s."""

from functools import partial

from torch.nn import functional

from convert.reproduce import networks_a, networks_b, networks_c, networks_d
from convert.reproduce.experiment import Experiment, Outcome, Workspace, fit_and_predict
from convert.reproduce.splits import FERPLUS, FIVE
from convert.reproduce.training import FitPlan, Loss, predict, predict_logits

SEVEN = tuple(name for name in FERPLUS if name != "contempt")
IMAGES_PER_CLASS = 2_466
"""D's own number: FER+'s count of anger, minus one."""


def _a_face(workspace: Workspace) -> Outcome:
    parts = workspace.corpora.fer2013()
    return fit_and_predict(workspace, "a-face", networks_a.FaceNetwork(), parts, FitPlan(8, 64), returns_network=True)


def _b_face(workspace: Workspace, *, rows_as_channels: bool) -> Outcome:
    name = "b-face-as-it-was" if rows_as_channels else "b-face-as-meant"
    network = networks_b.FaceCnn(rows_as_channels=rows_as_channels)
    plan = FitPlan(6 if rows_as_channels else 2, 128, 5e-4)
    return fit_and_predict(workspace, name, network, workspace.corpora.fer2013(), plan)


TRAINED_ON = "trained-on"


def _c_face(workspace: Workspace) -> Outcome:
    """As C trained: to the last epoch, whatever the validation says. Then also tested on its own training rows."""
    parts, network = workspace.corpora.fer2013(), networks_c.FaceCnn()
    outcome = fit_and_predict(workspace, "c-face", network, parts, FitPlan(24, 64, keep_last=True))
    again = predict(predict_logits(network, parts.training), parts.training, parts.classes)
    return Outcome(outcome.validation, outcome.test, outcome.parameters, outcome.log, {TRAINED_ON: again})


def _d_five(workspace: Workspace) -> Outcome:
    parts = workspace.corpora.ferplus(FIVE, at_most=IMAGES_PER_CLASS)
    return fit_and_predict(
        workspace, "d-face-5", networks_d.FaceCnn(len(FIVE)), parts, FitPlan(10, 64), returns_network=True
    )


def _d_seven(workspace: Workspace) -> Outcome:
    parts = workspace.corpora.ferplus(SEVEN, at_most=IMAGES_PER_CLASS)
    five = workspace.load_weights("d-face-5", networks_d.FaceCnn(len(FIVE)))
    assert isinstance(five, networks_d.FaceCnn)
    places = {FIVE.index(name): SEVEN.index(name) for name in FIVE}
    network = networks_d.FaceCnn(len(SEVEN)).start_from(five, places)
    plan = FitPlan(5, 64, 3e-4, networks_d.focal_loss)
    return fit_and_predict(workspace, "d-face-7", network, parts, plan, is_pretrained=True)


def _d_eight(workspace: Workspace, name: str, loss: Loss) -> Outcome:
    parts = workspace.corpora.ferplus(FERPLUS)
    return fit_and_predict(workspace, name, networks_d.FaceCnn(len(FERPLUS)), parts, FitPlan(4, 64, loss=loss))


FACES = (
    Experiment(
        "d-face-5", "D", "ferplus-5", "74 %", "five classes with equal numbers of pictures; cross-entropy", _d_five
    ),
    Experiment(
        "d-face-7",
        "D",
        "ferplus-7",
        "69 %",
        "starts from the five classes; focal loss; without CREMA-D's frames",
        _d_seven,
    ),
    Experiment(
        "d-face-8-cross-entropy",
        "D",
        "ferplus-8",
        "–",
        "all eight classes, cross-entropy: the baseline of focal loss",
        partial(_d_eight, name="d-face-8-cross-entropy", loss=functional.cross_entropy),
    ),
    Experiment(
        "d-face-8-focal",
        "D",
        "ferplus-8",
        "– (disgust and contempt found at all, +10)",
        "all eight classes, focal loss",
        partial(_d_eight, name="d-face-8-focal", loss=networks_d.focal_loss),
    ),
    Experiment("a-face", "A", "fer2013", "61–64 %", "the layers are our interpretation; 8 epochs of its 30", _a_face),
    Experiment(
        "c-face", "C", "fer2013", "98 % (on its training rows)", "24 epochs of its 50, without selection", _c_face
    ),
    Experiment(
        "b-face-as-it-was",
        "B",
        "fer2013",
        "61.27 %",
        "the picture is read as 1 row × 48 columns × 48 channels",
        partial(_b_face, rows_as_channels=True),
    ),
    Experiment(
        "b-face-as-meant",
        "B",
        "fer2013",
        "–",
        "the same layers on 48×48×1; 2 epochs only, each as expensive as six of the other",
        partial(_b_face, rows_as_channels=False),
    ),
)
