"""Seed C: a small face network. The 98 % of its report is the accuracy on its own training pictures."""

from torch import Tensor, nn

from device.emotions import EMOTIONS


class FaceCnn(nn.Module):
    """(n, 1, 48, 48) float32 in 0..1 -> logits (n, 7); three convolutions, ELU, a dense layer of 512, dropout 0.2.

    The report says 16 filters and "growing"; 16, 32 and 64 are our interpretation.
    """

    def __init__(self, widths: tuple[int, int, int] = (16, 32, 64)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        previous = 1
        for width in widths:
            layers += [nn.Conv2d(previous, width, 3, padding=1), nn.ELU(), nn.MaxPool2d(2)]
            previous = width
        self.layers = nn.Sequential(
            *layers,
            nn.Flatten(),
            nn.Linear(previous * 6 * 6, 512),
            nn.ELU(),
            nn.Dropout(0.2),
            nn.Linear(512, len(EMOTIONS)),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 7)."""
        return self.layers(x)
