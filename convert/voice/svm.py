"""A support vector machine as a teacher: on new corpora it is more accurate than a network on the same inputs."""

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
"""Strong regularization. Costs from 0.3 to 3 and widths from 0.0003 to 0.002 are no better on new corpora."""
_SLOPE = 2.0
_SHARPNESS = 3.0
"""Scales the votes so that the confidence on training rows is about their accuracy."""


class SupportVectors(nn.Module):
    """(n, k) -> probabilities (n, classes): each pair of classes votes, with more confidence farther from its border.

    A radial kernel, one machine per pair (Cortes and Vapnik 1995, "Support-vector networks"). A network learns from its
    output between the examples (Beyer et al. 2022, "Knowledge distillation: a good teacher is patient and consistent"),
    since the device has no room for thousands of support vectors.
    """

    def __init__(self, inputs: Floats, labels: Ints, weights: Floats, classes: int) -> None:
        """Fit on `inputs` (n, k), `labels` (n,) and weights (n,) with a mean of 1.

        Raises MediaError with fewer than three classes: scikit-learn flips the sign of a single pair.
        """
        super().__init__()
        count = len(np.unique(labels))
        if count < 3:
            raise MediaError(f"{count} emotions in {len(labels)} clips; at least three are needed, use more rows")
        machine = SVC(C=_COST, gamma=_WIDTH).fit(inputs, labels, sample_weight=weights)
        begins = np.concatenate([[0], np.cumsum(machine.n_support_)])
        pairs = list(combinations(range(len(machine.classes_)), 2))
        alphas = np.zeros((len(pairs), len(machine.support_vectors_)), np.float32)
        votes = np.zeros((2, len(pairs), classes), np.float32)
        for row, (a, b) in enumerate(pairs):
            # scikit-learn stores the coefficients of a class's vectors against every other class, in order.
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
        """Probabilities (n, classes)."""
        with torch.autocast(x.device.type, enabled=False):  # float32: sums over thousands of vectors need the precision
            kernel = torch.exp(-_WIDTH * torch.cdist(x.float(), self.vectors).square())
            first = torch.sigmoid(_SLOPE * (kernel @ self.alphas.T + self.offsets))
            return torch.softmax(_SHARPNESS * (first @ self.votes[0] + (1 - first) @ self.votes[1]), dim=1)
