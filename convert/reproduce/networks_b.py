"""Seed B: three ways to hear (MFCC, CNN, CNN + LSTM) and a face network, each with the printed number of parameters.

The printed sizes settle what the report leaves open. Every convolution is padded "full" (by 2, so that the picture
grows by 2): only so is 96×431 pooled by 2, 3, 4 and 4 to exactly 1×5 steps, and 1×48 by three halvings to the
3×9 × 128 = 3,456 numbers of the face. Batch normalization counts four numbers a channel (Keras counts the two
running ones), an LSTM one bias a gate (PyTorch keeps two, which add up to one).
"""

from torch import Tensor, nn

from device.emotions import EMOTIONS

BANDS, FRAMES = 96, 431
"""The log-mel picture: 5 s at 44.1 kHz in steps of 512."""
MFCC = 40


class MfccClassifier(nn.Module):
    """(n, 2 × MFCC) float32, means and deviations over time, scaled -> logits (n, 7). Its layers are our reading."""

    def __init__(self, hidden: int = 256) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2 * MFCC, hidden), nn.ReLU(), nn.Dropout(0.3), nn.Linear(hidden, len(EMOTIONS))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 7)."""
        said: Tensor = self.layers(x)
        return said


def _full(inputs: int, outputs: int) -> nn.Conv2d:
    """A 3×3 convolution, padded "full": (n, inputs, h, w) -> (n, outputs, h + 2, w + 2)."""
    return nn.Conv2d(inputs, outputs, 3, padding=2)


def _block(inputs: int, outputs: int, pool: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        _full(inputs, outputs), nn.BatchNorm2d(outputs), nn.ELU(), nn.MaxPool2d(pool), nn.Dropout(dropout)
    )


def _hearing(dropout: float = 0.2) -> nn.Sequential:
    """The three blocks that both sound networks begin with: (n, 1, 96, 431) -> (n, 128, 4, 18)."""
    return nn.Sequential(_block(1, 64, 2, dropout), _block(64, 128, 3, dropout), _block(128, 128, 4, dropout))


class VoiceCnn(nn.Module):
    """(n, 1, 96, 431) float32 log-mel -> logits (n, 7); 21,205,127 parameters. ELU between its dense layers is ours."""

    def __init__(self) -> None:
        super().__init__()
        self.hear = _hearing()
        self.classify = nn.Sequential(
            nn.Flatten(),
            nn.Linear(128 * 4 * 18, 2048),
            nn.ELU(),
            nn.Dropout(0.5),
            nn.Linear(2048, 1024),
            nn.ELU(),
            nn.Linear(1024, len(EMOTIONS)),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 7)."""
        said: Tensor = self.classify(self.hear(x))
        return said


class VoiceCnnLstm(nn.Module):
    """(n, 1, 96, 431) float32 log-mel -> logits (n, 7), by 5 steps of 128 numbers; 401,303 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.hear = nn.Sequential(*_hearing(), _block(128, 128, 4, 0.2))
        self.first = nn.LSTM(128, 32, batch_first=True)
        self.second = nn.LSTM(32, 32, batch_first=True)
        self.classify = nn.Sequential(
            nn.Linear(32, 16), nn.ELU(), nn.Linear(16, 16), nn.ELU(), nn.Linear(16, len(EMOTIONS))
        )

    def steps(self, x: Tensor) -> Tensor:
        """What the convolutions hear, as a sequence (n, 5, 128)."""
        heard: Tensor = self.hear(x)
        return heard.permute(0, 3, 1, 2).flatten(2)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 7)."""
        followed, _ = self.first(self.steps(x))
        said: Tensor = self.classify(self.second(followed)[0][:, -1])
        return said


class FaceCnn(nn.Module):
    """(n, 1, 48, 48) float32 in 0..1 -> logits (n, 7).

    `rows_as_channels` is the network as it was, 7,394,247 parameters: a picture of 1×48×48, meant as one channel
    first, was read as 1 row × 48 columns × 48 channels, channels last. Without it the picture is read as it was meant,
    by the same layers; the last of them then see 9×9 places and not 3×9, which makes 21,536,487 parameters.
    """

    def __init__(self, *, rows_as_channels: bool, dropout: float = 0.25) -> None:
        super().__init__()
        self.rows_as_channels = rows_as_channels
        layers: list[nn.Module] = []
        before = 48 if rows_as_channels else 1
        for width in (32, 64, 128):
            layers += [_full(before, width), nn.ReLU(), _full(width, width), nn.ReLU()]
            layers += [nn.MaxPool2d(2), nn.Dropout(dropout)]
            before = width
        self.see = nn.Sequential(*layers)
        places = 3 * 9 if rows_as_channels else 9 * 9
        self.classify = nn.Sequential(
            nn.Flatten(), nn.Linear(128 * places, 2048), nn.ReLU(), nn.Dropout(0.5), nn.Linear(2048, len(EMOTIONS))
        )

    def as_read(self, x: Tensor) -> Tensor:
        """The picture as the first layer gets it: (n, 48, 1, 48), or (n, 1, 48, 48) as it was meant.

        To Keras the last axis is the channels: each of the picture's columns became one, and its rows the width.
        """
        return x.permute(0, 3, 1, 2) if self.rows_as_channels else x

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 7)."""
        said: Tensor = self.classify(self.see(self.as_read(x)))
        return said
