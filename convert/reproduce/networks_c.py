"""Seed C: a small face network, which its report gives 98 %: what it reads of the very pictures that it learnt."""

from torch import Tensor, nn

from device.emotions import EMOTIONS


class FaceCnn(nn.Module):
    """(n, 1, 48, 48) float32 in 0..1 -> logits (n, 7); three convolutions, ELU, a dense layer of 512, dropout 0.2.

    The report says 16 filters and "growing": 16, 32 and 64 is our reading.
    """

    def __init__(self, widths: tuple[int, int, int] = (16, 32, 64)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for width in widths:
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.ELU(), nn.MaxPool2d(2)]
            before = width
        self.layers = nn.Sequential(
            *layers,
            nn.Flatten(),
            nn.Linear(before * 6 * 6, 512),
            nn.ELU(),
            nn.Dropout(0.2),
            nn.Linear(512, len(EMOTIONS)),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 7)."""
        said: Tensor = self.layers(x)
        return said
