"""Seed D: a face network with focal loss, a small sound network, and one that follows a face through a video.

The sound network's layers and its 66,150 parameters are printed (batch normalization counts four numbers a channel,
as Keras counts). The layers of the two face networks are not: what stands here is our reading.
"""

from torch import Tensor, nn
from torch.nn import functional

CREMA_D = ("angry", "disgust", "fear", "happy", "neutral", "sad")
"""The six emotions of CREMA-D (Cao et al. 2014), by which the sound and the video network answer."""
ROWS, FRAMES = 40, 216
"""The picture of a sound: STFT, MFCC and mel over each other, 5 s at 22.05 kHz in steps of 512."""
SEQUENCE = 10
"""Frames that the video network reads at a time; also how many its live program counts the most frequent label of."""


def focal_loss(logits: Tensor, labels: Tensor, gamma: float = 2.0) -> Tensor:
    """Cross-entropy that lets go of what is read well already, logits (n, k) and labels (n,) -> ().

    Source: Lin et al. 2017, "Focal loss for dense object detection", with their gamma and no class weights.
    """
    against = functional.cross_entropy(logits, labels, reduction="none")
    return ((1 - (-against).exp()) ** gamma * against).mean()


def _looking(width: int = 32) -> nn.Sequential:
    """(n, 1, 48, 48) -> (n, 4 × width × 9): three convolutions, each pooled, and a fourth at 6×6."""
    layers: list[nn.Module] = []
    before = 1
    for wide in (width, 2 * width, 4 * width, 4 * width):
        layers += [nn.Conv2d(before, wide, 3, padding=1), nn.BatchNorm2d(wide), nn.ReLU(), nn.MaxPool2d(2)]
        before = wide
    return nn.Sequential(*layers, nn.Dropout(0.3), nn.Flatten())


class FaceCnn(nn.Module):
    """(n, 1, 48, 48) float32 in 0..1 -> logits (n, classes)."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.look = _looking()
        self.hidden = nn.Sequential(nn.Linear(128 * 9, 256), nn.ReLU(), nn.Dropout(0.4))
        self.classify = nn.Linear(256, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, classes)."""
        said: Tensor = self.classify(self.hidden(self.look(x)))
        return said

    def going_on_from(self, other: "FaceCnn", places: dict[int, int]) -> "FaceCnn":
        """This network with all that `other` learnt; its class i becomes class `places[i]` here. Returns itself."""
        self.look.load_state_dict(other.look.state_dict())
        self.hidden.load_state_dict(other.hidden.state_dict())
        for old, new in places.items():
            self.classify.weight.data[new] = other.classify.weight.data[old]
            self.classify.bias.data[new] = other.classify.bias.data[old]
        return self


class SoundCnn(nn.Module):
    """(n, 1, 40, 216) float32 -> logits (n, 6); convolutions without padding, 66,150 parameters."""

    def __init__(self, classes: int = len(CREMA_D), dropout: float = 0.1) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv2d(1, 32, 3), nn.LeakyReLU(), nn.BatchNorm2d(32), nn.Dropout2d(dropout)),
            *(nn.Conv2d(32, 32, 3), nn.LeakyReLU(), nn.BatchNorm2d(32), nn.MaxPool2d(2), nn.Dropout2d(dropout)),
            *(nn.Conv2d(32, 64, 3), nn.LeakyReLU(), nn.BatchNorm2d(64), nn.Dropout2d(dropout)),
            *(nn.Conv2d(64, 64, 3), nn.LeakyReLU(), nn.BatchNorm2d(64)),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(64, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 6)."""
        said: Tensor = self.layers(x)
        return said


class TimeDistributedCnn(nn.Module):
    """(n, SEQUENCE, 1, 48, 48) float32 in 0..1 -> logits (n, 6): one face network for each frame, an LSTM over them."""

    def __init__(self, classes: int = len(CREMA_D), memory: int = 64) -> None:
        super().__init__()
        self.look = _looking(16)
        self.follow = nn.LSTM(64 * 9, memory, batch_first=True)
        self.classify = nn.Sequential(nn.Dropout(0.3), nn.Linear(memory, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 6)."""
        seen = self.look(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        said: Tensor = self.classify(self.follow(seen)[0][:, -1])
        return said
