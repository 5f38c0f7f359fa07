"""The face network with a head for each dataset's labels, and how those heads are merged into the one that ships."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from convert.datasets.pictures.fer2013 import IN_FERPLUS
from convert.networks.face import STUDENT, MienFace
from device.emotions import EMOTIONS


class MixedFace(MienFace):
    """MienFace with a third head, webfaces' (n, 7), on the same body.

    FER2013's head and webfaces' learn *balanced* logits: their dataset's prior is added only in the loss (Menon et al.
    2021, "Long-tail learning via logit adjustment"). FER+'s head learns the votes unchanged.
    """

    def __init__(self, widths: tuple[int, int, int, int] = STUDENT, dropout: float = 0.1) -> None:
        super().__init__(widths, dropout)
        self.webfaces = nn.Linear(widths[-1], len(EMOTIONS))

    def all_heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (n, 7) of FER2013, balanced; (n, 8) of FER+; (n, 7) of webfaces, balanced."""
        features = self.body(x)
        return self.emotions(features), self.ferplus(features), self.webfaces(features)


@dataclass(frozen=True)
class HeadMix:
    """The weight of each head in the seven logits that ship."""

    fer2013: float = 1.0
    ferplus: float = 0.0
    webfaces: float = 0.0
    prior: float = 1.0
    """How much of FER2013's prior is added. At 1, accuracy is highest on faces distributed as in FER2013; at 0, all
    emotions count equally."""

    def mix(self, emotions: Tensor, ferplus: Tensor, webfaces: Tensor, log_prior: Tensor) -> Tensor:
        """(n, 7) of the three heads' logits and FER2013's log prior (7,)."""
        seven = ferplus[:, list(IN_FERPLUS)]
        logits = self.fer2013 * emotions + self.ferplus * seven + self.webfaces * webfaces
        return logits + self.prior * log_prior


def merge_heads(network: MixedFace, mix: HeadMix, log_prior: Tensor) -> MienFace:
    """The two-headed network that ships: every head is linear on the same body, so their mixture is too."""
    widths = tuple(int(width) for width in _widths(network))
    merged = MienFace((widths[0], widths[1], widths[2], widths[3]))
    weights = {name: value for name, value in network.state_dict().items() if not name.startswith("webfaces.")}
    merged.load_state_dict(copy.deepcopy(weights))
    rows = list(IN_FERPLUS)
    with torch.no_grad():
        for part in ("weight", "bias"):
            heads = [getattr(head, part) for head in (network.emotions, network.ferplus, network.webfaces)]
            mixed = mix.fer2013 * heads[0] + mix.ferplus * heads[1][rows] + mix.webfaces * heads[2]
            getattr(merged.emotions, part).copy_(mixed)
        merged.emotions.bias += mix.prior * log_prior
    return merged.eval()


def _widths(network: MixedFace) -> list[int]:
    """Channels of the stem and the three stages."""
    layers = [module for module in network.body.modules() if isinstance(module, nn.BatchNorm2d)]
    found = [layers[0].num_features]
    for layer in layers[1:]:
        if layer.num_features != found[-1]:
            found.append(layer.num_features)
    return found
