"""Seed D: a face network with focal loss, a small sound network, and one that follows a face through a video.

The sound network's layers and its 66,150 parameters are printed (batch normalization counts four numbers per channel,
as in Keras). The layers of the two face networks are not; those here are our interpretation.
"""

from collections import OrderedDict
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

CREMA_D = ("angry", "disgust", "fear", "happy", "neutral", "sad")
"""The six emotions of CREMA-D (Cao et al. 2014), the classes of the sound and the video network."""
ROWS, FRAMES = 40, 216
"""A sound as a picture: STFT, MFCC and mel stacked, 5 s at 22.05 kHz in steps of 512."""
SEQUENCE = 10
"""Frames per input of the video network; D's live program also shows the most frequent label of this many."""


def focal_loss(logits: Tensor, labels: Tensor, gamma: float = 2.0) -> Tensor:
    """Cross-entropy with less weight on well classified rows, logits (n, k) and labels (n,) -> ()."""
    losses = functional.cross_entropy(logits, labels, reduction="none")
    return ((1 - (-losses).exp()) ** gamma * losses).mean()


def _make_features(width: int = 32) -> nn.Sequential:
    """(n, 1, 48, 48) -> (n, 4 × width × 9): three convolutions, each pooled, and a fourth at 6×6."""
    layers: list[nn.Module] = []
    for previous, wide in pairwise((1, width, 2 * width, 4 * width, 4 * width)):
        layers += [nn.Conv2d(previous, wide, 3, padding=1), nn.BatchNorm2d(wide), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Dropout(0.3), nn.Flatten())


class FaceCnn(nn.Sequential):
    """(n, 1, 48, 48) float32 in 0..1 -> logits (n, classes)."""

    def __init__(self, classes: int) -> None:
        look, hidden = _make_features(), nn.Sequential(nn.Linear(128 * 9, 256), nn.ReLU(), nn.Dropout(0.4))
        super().__init__(OrderedDict(look=look, hidden=hidden, classify=nn.Linear(256, classes)))

    def start_from(self, other: "FaceCnn", places: dict[int, int]) -> "FaceCnn":
        """Copy the weights of `other` into this network; its class i becomes `places[i]` here. Returns itself."""
        self.look.load_state_dict(other.look.state_dict())
        self.hidden.load_state_dict(other.hidden.state_dict())
        for old, new in places.items():
            self.classify.weight.data[new] = other.classify.weight.data[old]
            self.classify.bias.data[new] = other.classify.bias.data[old]
        return self


class SoundCnn(nn.Sequential):
    """(n, 1, 40, 216) float32 -> logits (n, 6); convolutions without padding, 66,150 parameters."""

    def __init__(self, classes: int = len(CREMA_D), dropout: float = 0.1) -> None:
        super().__init__(
            nn.Conv2d(1, 32, 3),
            nn.LeakyReLU(),
            nn.BatchNorm2d(32),
            nn.Dropout2d(dropout),
            nn.Conv2d(32, 32, 3),
            nn.LeakyReLU(),
            nn.BatchNorm2d(32),
            nn.MaxPool2d(2),
            nn.Dropout2d(dropout),
            nn.Conv2d(32, 64, 3),
            nn.LeakyReLU(),
            nn.BatchNorm2d(64),
            nn.Dropout2d(dropout),
            nn.Conv2d(64, 64, 3),
            nn.LeakyReLU(),
            nn.BatchNorm2d(64),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(64, classes),
        )


class TimeDistributedCnn(nn.Module):
    """(n, SEQUENCE, 1, 48, 48) float32 in 0..1 -> logits (n, 6): a face network per frame, then an LSTM."""

    def __init__(self, classes: int = len(CREMA_D), memory: int = 64) -> None:
        super().__init__()
        self.look = _make_features(16)
        self.follow = nn.LSTM(64 * 9, memory, batch_first=True)
        self.classify = nn.Sequential(nn.Dropout(0.3), nn.Linear(memory, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 6)."""
        features = self.look(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        return self.classify(self.follow(features)[0][:, -1])
