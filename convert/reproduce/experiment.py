"""An experiment of the comparison, its inputs and its outcome."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from convert.evaluation.predictions import Predictions, load_predictions
from convert.reproduce.keras import count_keras_parameters, init_as_keras
from convert.reproduce.splits import Corpora
from convert.reproduce.training import Epoch, FitPlan, Parts, fit, predict, predict_logits
from device.errors import ModelError


@dataclass(frozen=True)
class Outcome:
    """What an experiment returns."""

    validation: Predictions
    test: Predictions
    parameters: int | None = None
    """As Keras counts them; None without a network."""
    log: list[Epoch] = field(default_factory=list)
    """One line per epoch."""
    beside: dict[str, Predictions] = field(default_factory=dict)
    """Predictions on other rows: C's own training rows."""
    network: nn.Module | None = None
    """Set when another experiment builds on it."""
    note: str = ""
    """A note on the run, such as the classifier that was chosen."""


@dataclass(frozen=True)
class Workspace:
    """Inputs of every experiment: the corpora, and the results of earlier experiments in the run folder."""

    corpora: Corpora
    folder: Path
    vggish: Path | None = None

    @property
    def rows(self) -> int | None:
        """Use this many rows only, for a quick check."""
        return self.corpora.rows

    def load_weights(self, experiment: str, network: nn.Module) -> nn.Module:
        """`network` with the trained weights of `experiment`; raises ModelError when that one has not been trained."""
        path = self.folder / experiment / "weights.pt"
        if not path.exists():
            raise ModelError(f"{path} is missing; run the experiment {experiment} first")
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        return network.eval()

    def load_predictions(self, experiment: str, part: str) -> Predictions:
        """The predictions of `experiment` on `validation` or `test`; raises MediaError when it has not been trained."""
        return load_predictions(self.folder / experiment / f"{part}.npz")


@dataclass(frozen=True)
class Experiment:
    """A seed's network, trained under the seed's own protocol."""

    name: str
    seed: str
    task: str
    """Experiments of one task have the same test rows."""
    printed: str
    """The number in the seed's report, and what it measures."""
    about: str
    """What is done here, and the differences from the seed."""
    run: Callable[[Workspace], Outcome]


def fit_and_predict(
    workspace: Workspace,
    name: str,
    network: nn.Module,
    parts: Parts,
    plan: FitPlan,
    *,
    is_pretrained: bool = False,
    returns_network: bool = False,
) -> Outcome:
    """Fit `network` by `plan` and predict the validation and test rows once.

    It is initialized as in Keras unless it `is_pretrained`. Set `returns_network` if other experiments build on it.
    """
    plan = plan.shortened(workspace.rows)
    if not is_pretrained:
        init_as_keras(network)
    log = fit(network, parts.training, parts.validation, plan, name)
    validation, test = (
        predict(predict_logits(network, part, half=plan.half), part, parts.classes)
        for part in (parts.validation, parts.test)
    )
    parameters = count_keras_parameters(network)
    return Outcome(validation, test, parameters, log, network=network if returns_network else None)
