"""Seed E: RAVDESS by embeddings of VGGish's shape, by an LSTM, by pictures, and by sound and picture together.

The visual network's layers and its 1,837,496 parameters are printed. VGGish is built as published (Hershey et al. 2017,
"CNN architectures for large-scale audio classification"), 72,141,184 parameters; the other sizes are our
interpretation.
"""

from collections import OrderedDict
from itertools import pairwise
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor, nn

from device.errors import ModelError

EIGHT = ("neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise")
"""RAVDESS's emotions in the order of its file names."""
EMBEDDING = 128
PATCH_FRAMES, PATCH_BANDS = 96, 64
"""VGGish's input: 0.96 s of log-mel."""
LSTM_FRAMES, LSTM_FEATURES = 150, 40
PICTURE_PX = 128


class Vggish(nn.Module):
    """(n, 1, 96, 64) float32 log-mel -> embeddings (n, 128).

    `thinner` divides every width but the last. 1 is the published network, whose weights in PyTorch's layout fit by
    name. 4 is small enough to train here: 54 million multiply-adds per patch instead of 863.
    """

    def __init__(self, thinner: int = 1) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        previous = 1
        for widths in ((64,), (128,), (256, 256), (512, 512)):
            for width in (w // thinner for w in widths):
                layers += [nn.Conv2d(previous, width, 3, padding=1), nn.ReLU()]
                previous = width
            layers.append(nn.MaxPool2d(2))
        wide = 4096 // thinner
        self.features = nn.Sequential(*layers)
        self.embeddings = nn.Sequential(
            nn.Linear(previous * 6 * 4, wide),
            nn.ReLU(),
            nn.Linear(wide, wide),
            nn.ReLU(),
            nn.Linear(wide, EMBEDDING),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Embeddings (n, 128)."""
        # The published dense weights expect TensorFlow's order: time, band, channel.
        features = self.features(x).permute(0, 2, 3, 1).flatten(1)
        return self.embeddings(features)


def load_vggish(path: Path) -> Vggish:
    """Load the published network's weights from `path` (a PyTorch state dict); raises ModelError when they do not fit.

    Other keys, such as those of the whitening after it, are ignored.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        network = Vggish()
        network.load_state_dict({name: state[name] for name in network.state_dict()})
    except (OSError, UnpicklingError, LookupError, RuntimeError, TypeError, AttributeError, ValueError) as error:
        raise ModelError(
            f"{path}: no VGGish weights ({type(error).__name__}); give a PyTorch state dict with features.* "
            "and embeddings.*, or leave it out to train a thinner network"
        ) from error
    return network.eval()


class EmbeddingClassifier(nn.Sequential):
    """(n, 1, 96, 64) float32 log-mel -> logits (n, 8), to train the thinner embedding network."""

    def __init__(self, thinner: int = 4) -> None:
        classify = nn.Sequential(nn.Dropout(0.3), nn.Linear(EMBEDDING, len(EIGHT)))
        super().__init__(OrderedDict(embed=Vggish(thinner), classify=classify))


class Mlp(nn.Sequential):
    """(n, inputs) float32 -> logits (n, 8) by hidden layers of the given widths."""

    def __init__(self, inputs: int, hidden: tuple[int, ...]) -> None:
        layers: list[nn.Module] = []
        for previous, width in pairwise((inputs, *hidden)):
            layers += [nn.Linear(previous, width), nn.ReLU(), nn.Dropout(0.2)]
        super().__init__(*layers, nn.Linear(hidden[-1], len(EIGHT)))


class FeatureLstm(nn.Module):
    """(n, LSTM_FRAMES, LSTM_FEATURES) float32, scaled MFCC -> logits (n, 8)."""

    def __init__(self, memory: int = 128) -> None:
        super().__init__()
        self.lstm = nn.LSTM(LSTM_FEATURES, memory, batch_first=True)
        self.classify = nn.Sequential(nn.Dropout(0.3), nn.Linear(memory, 64), nn.ReLU(), nn.Linear(64, len(EIGHT)))

    def average_outputs(self, x: Tensor) -> Tensor:
        """(n, memory): the mean of the LSTM's outputs. The last step alone often hears silence."""
        return self.lstm(x)[0].mean(dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 8)."""
        return self.classify(self.average_outputs(x))


class VisualCnn(nn.Sequential):
    """(n, 3, 128, 128) float32 in 0..1 -> (n, outputs), by default logits; 1,837,496 parameters, 99 % in the last.

    Pooling with stride 1 reduces nothing: 119×119×16 numbers reach the one dense layer.
    """

    def __init__(self, outputs: int = len(EIGHT)) -> None:
        layers: list[nn.Module] = []
        for previous, width in pairwise((3, 64, 32, 16)):
            layers += [nn.Conv2d(previous, width, 3), nn.ReLU(), nn.MaxPool2d(2, stride=1)]
        classify = nn.Sequential(nn.Flatten(), nn.Linear(16 * 119 * 119, outputs))
        super().__init__(OrderedDict(see=nn.Sequential(*layers), classify=classify))


def picture_features(network: VisualCnn, pictures: Tensor) -> Tensor:
    """(n, 16 × 12 × 12): the features of `network` for (n, 3, 128, 128), averaged to a size for an MLP."""
    return nn.functional.adaptive_avg_pool2d(network.see(pictures), 12).flatten(1)


class Joint(nn.Module):
    """MFCC (n, LSTM_FRAMES, LSTM_FEATURES) and pictures (n, 3, 128, 128) -> logits (n, 8): trained as one network."""

    def __init__(self, memory: int = 128) -> None:
        super().__init__()
        self.sound = FeatureLstm(memory)
        self.picture = nn.Sequential(VisualCnn(EMBEDDING), nn.ReLU())
        self.classify = nn.Linear(memory + EMBEDDING, len(EIGHT))

    def forward(self, sounds: Tensor, pictures: Tensor) -> Tensor:
        """Logits (n, 8)."""
        return self.classify(torch.cat([self.sound.average_outputs(sounds), self.picture(pictures)], dim=1))
