"""What a recipe of the comparison is, what it is given, and what it hands back."""

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
    """A recipe that was trained."""

    validation: Predictions
    test: Predictions
    parameters: int | None = None
    """As Keras counts them; None where there is no network."""
    log: list[Epoch] = field(default_factory=list)
    """One line an epoch."""
    beside: dict[str, Predictions] = field(default_factory=dict)
    """What else was read: C's own training rows."""
    network: nn.Module | None = None
    """Kept where another recipe goes on from it."""
    said: str = ""
    """What only the run could tell, such as which classifier was chosen."""


class Workspace:
    """What every recipe is given: the corpora, and what the recipes before it left in the run folder."""

    def __init__(self, corpora: Corpora, folder: Path, vggish: Path | None = None) -> None:
        self.corpora = corpora
        self.folder = folder
        self.vggish = vggish

    @property
    def rows(self) -> int | None:
        """Only so many rows, for a quick check of the whole way."""
        return self.corpora.rows

    def weights(self, recipe: str, network: nn.Module) -> nn.Module:
        """`network` with what `recipe` learnt; raises ModelError when that one has not been trained."""
        path = self.folder / recipe / "weights.pt"
        if not path.exists():
            raise ModelError(f"{path} is missing; run the recipe {recipe} first")
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        return network.eval()

    def kept(self, recipe: str, part: str) -> Predictions:
        """What `recipe` said of `validation` or `test`; raises MediaError when that one has not been trained."""
        return load_predictions(self.folder / recipe / f"{part}.npz")


@dataclass(frozen=True)
class Experiment:
    """A seed's network, trained under the seed's own protocol."""

    name: str
    seed: str
    task: str
    """Recipes of one task answer for the same test rows."""
    printed: str
    """The seed's own number, and of what."""
    about: str
    """What is done here, and what had to differ."""
    run: Callable[[Workspace], Outcome]


def fit_and_predict(
    bench: Workspace,
    name: str,
    network: nn.Module,
    parts: Parts,
    plan: FitPlan,
    *,
    goes_on: bool = False,
    keep: bool = False,
) -> Outcome:
    """Fit `network` by `plan` and read the validation and the test rows once.

    It begins as Keras' would, unless it `goes_on` from what it has learnt; `keep` its weights for other recipes.
    """
    plan = plan.shortened(bench.rows)
    if not goes_on:
        init_as_keras(network)
    log = fit(network, parts.training, parts.validation, plan, name)
    read = [
        predict(predict_logits(network, part, half=plan.half), part, parts.classes)
        for part in (parts.validation, parts.test)
    ]
    return Outcome(read[0], read[1], count_keras_parameters(network), log, network=network if keep else None)
