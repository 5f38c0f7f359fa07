"""The face networks that can be trained, and the plan of each. Needs no PyTorch."""

from dataclasses import dataclass, replace

from convert.training.plan import Plan


@dataclass(frozen=True)
class FacePlan(Plan):
    """A training plan with the options of the face networks."""

    calm_from: float = 0.7
    """After this share of the epochs, faces are augmented a third as often: the end is trained on realistic faces."""
    start: str = ""
    """SHA-256 of the .tflite that training starts from, or empty."""
    teacher: str = ""
    """SHA-256 of the teacher networks, or empty without distillation."""
    taught: float = 0.7
    """Share of the teachers' probabilities in the target."""
    hard: float = 0.5
    """Share of the published label in the rest; what remains is the label's probability given the ten votes."""
    labels: float = 1.0
    """Weight of FER2013's labels in the loss, relative to FER+'s votes; at 0 a network learns only FER+."""
    sharp: float = 1.0
    """Exponent on the shares of FER+'s votes: the higher, the more weight the majority gets."""


PLAN = FacePlan(epochs=119, batch=256, learning_rate=0.15, weight_decay=3e-4)
TEACHERS = tuple(f"face-teacher-{number}" for number in range(1, 6))
"""They differ only in the seed. Their errors differ, so their mean is right more often than any one of them."""
PRETRAINED = "face-teacher-pretrained"
"""A sixth teacher, pretrained on face recognition: `--start faceres.json`."""
_TEACHER_PLAN = FacePlan(epochs=54, batch=256, learning_rate=0.1, weight_decay=5e-4)
_PRETRAINED_PLAN = FacePlan(epochs=12, batch=128, learning_rate=0.04, weight_decay=3e-4, calm_from=0.5)

PLANS = {
    "face": PLAN,
    "face-as-published": PLAN,
    **{name: replace(_TEACHER_PLAN, seed=number) for number, name in enumerate(TEACHERS, start=1)},
    PRETRAINED: _PRETRAINED_PLAN,
}
