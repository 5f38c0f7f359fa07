"""A support vector machine as a teacher: on whole corpora never heard it reads more than a network of such numbers."""

from itertools import combinations

import numpy as np
import torch
from sklearn.svm import SVC
from torch import Tensor, nn

from convert.evaluation.predictions import Ints
from device.emotions import Floats
from device.errors import MediaError

_WIDTH = 1e-3
_COST = 1.0
"""Little freedom: of costs from 0.3 to 3 and widths from 0.0003 to 0.002 these read new corpora as well as any."""
_SLOPE = 2.0
_SHARPNESS = 3.0
"""How sure the votes are taken to be: training rows come out about as sure as they are right."""


class SupportVectors(nn.Module):
    """(n, k) -> (n, classes) shares that sum to 1: each pair of classes votes, the surer the farther from its border.

    A radial kernel, one machine a pair (Cortes and Vapnik 1995, "Support-vector networks"). What it says between the
    examples is what a network learns from it (Beyer et al. 2022, "Knowledge distillation: a good teacher is patient
    and consistent"): the device has no room for thousands of support vectors.
    """

    def __init__(self, inputs: Floats, wanted: Ints, weights: Floats, classes: int) -> None:
        """Learn from `inputs` (n, k), `wanted` (n,) and how much each row weighs (n,), its mean being 1.

        Raises MediaError when fewer than three classes are there: scikit-learn turns the sign of a single pair.
        """
        super().__init__()
        met = len(np.unique(wanted))
        if met < 3:
            raise MediaError(f"{met} emotions in {len(wanted)} clips: three at least; take more rows")
        machine = SVC(C=_COST, gamma=_WIDTH).fit(inputs, wanted, sample_weight=weights)
        begins = np.concatenate([[0], np.cumsum(machine.n_support_)])
        pairs = list(combinations(range(len(machine.classes_)), 2))
        alphas = np.zeros((len(pairs), len(machine.support_vectors_)), np.float32)
        votes = np.zeros((2, len(pairs), classes), np.float32)
        for row, (a, b) in enumerate(pairs):
            # scikit-learn keeps the coefficients of a class's vectors against each other class, in their order.
            for one, against in ((a, b - 1), (b, a)):
                own = slice(begins[one], begins[one + 1])
                alphas[row, own] = machine.dual_coef_[against, own]
            votes[0, row, machine.classes_[a]] = votes[1, row, machine.classes_[b]] = 1
        for name, value in (
            ("vectors", machine.support_vectors_),
            ("alphas", alphas),
            ("offsets", machine.intercept_),
            ("votes", votes),
        ):
            self.register_buffer(name, torch.from_numpy(np.asarray(value, np.float32)))

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Shares (n, classes)."""
        with torch.autocast(x.device.type, enabled=False):  # sums over thousands of vectors want all their digits
            kernel = torch.exp(-_WIDTH * torch.cdist(x.float(), self.vectors).square())
            first = torch.sigmoid(_SLOPE * (kernel @ self.alphas.T + self.offsets))
            return torch.softmax(_SHARPNESS * (first @ self.votes[0] + (1 - first) @ self.votes[1]), dim=1)
