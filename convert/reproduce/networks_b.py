"""Seed B: three voice networks (MFCC, CNN, CNN + LSTM) and a face network, each with the printed number of parameters.

The printed sizes settle what the report leaves open. Every convolution has "full" padding (by 2, so the picture grows
by 2): only then do poolings by 2, 3, 4 and 4 reduce 96×431 to exactly 1×5 steps, and three halvings reduce 1×48 to the
3×9 × 128 = 3,456 numbers of the face. Batch normalization counts four numbers per channel (Keras counts the two running
ones), an LSTM one bias per gate (PyTorch has two, which are added).
"""

from itertools import pairwise

from torch import Tensor, nn

from device.emotions import EMOTIONS

BANDS, FRAMES = 96, 431
"""The log-mel picture: 5 s at 44.1 kHz in steps of 512."""
MFCC = 40


class MfccClassifier(nn.Sequential):
    """(n, 2 × MFCC) float32, means and deviations over time, normalized -> logits (n, 7). Its layers are ours."""

    def __init__(self, hidden: int = 256) -> None:
        super().__init__(nn.Linear(2 * MFCC, hidden), nn.ReLU(), nn.Dropout(0.3), nn.Linear(hidden, len(EMOTIONS)))


def _full(inputs: int, outputs: int) -> nn.Conv2d:
    """A 3×3 convolution, padded "full": (n, inputs, h, w) -> (n, outputs, h + 2, w + 2)."""
    return nn.Conv2d(inputs, outputs, 3, padding=2)


def _block(inputs: int, outputs: int, pool: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        _full(inputs, outputs), nn.BatchNorm2d(outputs), nn.ELU(), nn.MaxPool2d(pool), nn.Dropout(dropout)
    )


def _make_features(dropout: float = 0.2) -> nn.Sequential:
    """The first three blocks of both sound networks: (n, 1, 96, 431) -> (n, 128, 4, 18)."""
    return nn.Sequential(_block(1, 64, 2, dropout), _block(64, 128, 3, dropout), _block(128, 128, 4, dropout))


class VoiceCnn(nn.Sequential):
    """(n, 1, 96, 431) float32 log-mel -> logits (n, 7); 21,205,127 parameters. The ELU between dense layers is ours."""

    def __init__(self) -> None:
        super().__init__(
            *_make_features(),
            nn.Flatten(),
            nn.Linear(128 * 4 * 18, 2048),
            nn.ELU(),
            nn.Dropout(0.5),
            nn.Linear(2048, 1024),
            nn.ELU(),
            nn.Linear(1024, len(EMOTIONS)),
        )


class VoiceCnnLstm(nn.Module):
    """(n, 1, 96, 431) float32 log-mel -> logits (n, 7), by 5 steps of 128 numbers; 401,303 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(*_make_features(), _block(128, 128, 4, 0.2))
        self.first = nn.LSTM(128, 32, batch_first=True)
        self.second = nn.LSTM(32, 32, batch_first=True)
        self.classify = nn.Sequential(
            nn.Linear(32, 16), nn.ELU(), nn.Linear(16, 16), nn.ELU(), nn.Linear(16, len(EMOTIONS))
        )

    def steps(self, x: Tensor) -> Tensor:
        """The convolutions' output as a sequence (n, 5, 128)."""
        features: Tensor = self.features(x)
        return features.permute(0, 3, 1, 2).flatten(2)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 7)."""
        sequence, _ = self.first(self.steps(x))
        return self.classify(self.second(sequence)[0][:, -1])


class FaceCnn(nn.Module):
    """(n, 1, 48, 48) float32 in 0..1 -> logits (n, 7).

    `rows_as_channels` is the original network, 7,394,247 parameters: its picture of 1×48×48, meant as one channel
    first, was read as 1 row × 48 columns × 48 channels, channels last. Without it the picture is read as intended by
    the same layers; the last of them then have 9×9 positions instead of 3×9, which makes 21,536,487 parameters.
    """

    def __init__(self, *, rows_as_channels: bool, dropout: float = 0.25) -> None:
        super().__init__()
        self.rows_as_channels = rows_as_channels
        layers: list[nn.Module] = []
        for previous, width in pairwise((48 if rows_as_channels else 1, 32, 64, 128)):
            layers += [_full(previous, width), nn.ReLU(), _full(width, width), nn.ReLU()]
            layers += [nn.MaxPool2d(2), nn.Dropout(dropout)]
        self.features = nn.Sequential(*layers)
        places = 3 * 9 if rows_as_channels else 9 * 9
        self.classify = nn.Sequential(
            nn.Flatten(), nn.Linear(128 * places, 2048), nn.ReLU(), nn.Dropout(0.5), nn.Linear(2048, len(EMOTIONS))
        )

    def read_axes(self, x: Tensor) -> Tensor:
        """The first layer's input: (n, 48, 1, 48), or as intended (n, 1, 48, 48).

        Keras reads the last axis as channels: each of the picture's columns becomes one, and its rows become the width.
        """
        return x.permute(0, 3, 1, 2) if self.rows_as_channels else x

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 7)."""
        return self.classify(self.features(self.read_axes(x)))
