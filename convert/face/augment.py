"""Augmentation for faces: variations in framing, light, focus and camera that the corpus lacks."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

Change = Callable[[Tensor, torch.Generator], Tensor]


def augment(pictures: Tensor, generator: torch.Generator, strength: float = 1.0) -> Tensor:
    """Augmented copies of gray faces (n, s, s) of 0..255, uint8 or float32; returns float32 of 0..255.

    Everything is drawn from `generator` on the CPU, so every device draws the same. `strength` 0..1 scales the
    probability of every change except the flip. A small network learns too little under full augmentation: start with
    strong augmentation and end with little.
    """
    pixels = _reframe(pictures.float(), generator, strength)
    for share, change in _CHANGES:
        rows = (torch.rand(len(pixels), generator=generator) < share * strength).nonzero().squeeze(1)
        if len(rows):
            selected = rows.to(pixels.device)
            pixels[selected] = change(pixels[selected], generator)
    return pixels.clamp(0, 255)


def _reframe(pixels: Tensor, generator: torch.Generator, strength: float) -> Tensor:
    """Reframe: a detector crops tighter, looser, tilted or off centre, unlike FER2013. Half are mirrored."""
    n, side = pixels.shape[:2]
    wide = torch.rand(n, generator=generator) < 0.35 * strength
    angle = torch.randn(n, generator=generator) * torch.where(wide, 9.0, 5.0).deg2rad()
    between, about = torch.rand(n, generator=generator) * 0.53 - 0.15, torch.randn(n, generator=generator) * 0.05
    scale = torch.where(wide, between, about).exp()
    mirror = torch.where(torch.rand(n, generator=generator) < 0.5, -1.0, 1.0)
    offset = torch.randn(n, 2, generator=generator) * 0.07  # in units of half a side
    cos, sin = angle.cos() / scale, angle.sin() / scale
    rows = torch.stack([torch.stack([mirror * cos, -sin], 1), torch.stack([mirror * sin, cos], 1)], 1)
    moved = torch.cat([rows, offset[:, :, None]], 2).to(pixels.device)
    grid = functional.affine_grid(moved, [n, 1, side, side], align_corners=False)
    return functional.grid_sample(pixels[:, None], grid, padding_mode="border", align_corners=False)[:, 0]


def _uniform(low: float, high: float, pixels: Tensor, generator: torch.Generator) -> Tensor:
    """(n, 1, 1), uniform in `low`..`high`."""
    return (low + (high - low) * torch.rand(len(pixels), 1, 1, generator=generator)).to(pixels.device)


def _light(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Add light from one side."""
    across = torch.linspace(-1, 1, pixels.shape[-1], device=pixels.device)
    direction, amount = _uniform(0, 2 * torch.pi, pixels, generator), _uniform(0, 0.45, pixels, generator)
    return pixels * (1 + amount * (direction.cos() * across[None, None, :] + direction.sin() * across[None, :, None]))


def _change_tone(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Apply another camera's tone curve."""
    power = (torch.randn(len(pixels), 1, 1, generator=generator) * 0.35).exp().to(pixels.device)
    return 255 * (pixels / 255).clamp(0, 1) ** power


def _reduce(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Reduce the resolution, as if the face were farther away."""
    side = pixels.shape[-1]
    sizes = torch.randint(side // 2, side, (len(pixels),), generator=generator)
    changed = torch.empty_like(pixels)
    for small in sizes.unique().tolist():
        rows = (sizes == small).nonzero().squeeze(1).to(pixels.device)
        smaller = functional.interpolate(pixels[rows][:, None], size=(small, small), mode="area")
        changed[rows] = functional.interpolate(smaller, size=(side, side), mode="bilinear")[:, 0]
    return changed


def _blur(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Blur with a Gaussian of 0.4 to 1 pixel."""
    radius = 3
    steps = torch.arange(-radius, radius + 1, device=pixels.device)
    weights = torch.exp(-0.5 * (steps / _uniform(0.4, 1.0, pixels, generator)[:, :, 0]) ** 2)
    weights /= weights.sum(dim=1, keepdim=True)
    for axis in (1, 2):
        border = (0, 0, radius, radius) if axis == 1 else (radius, radius, 0, 0)
        padded = functional.pad(pixels[:, None], border, mode="replicate")[:, 0]
        shifted = [padded.narrow(axis, k, pixels.shape[axis]) for k in range(2 * radius + 1)]
        pixels = torch.stack([weights[:, k, None, None] * part for k, part in enumerate(shifted)]).sum(dim=0)
    return pixels


def _add_noise(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Add the noise of a camera in a dim room."""
    return pixels + _uniform(2, 10, pixels, generator) * torch.randn(pixels.shape, generator=generator).to(
        pixels.device
    )


def _cover(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Cover a rectangle of an eighth to a third of a side, as a hand, a cup or hair does."""
    side = pixels.shape[-1]
    place = torch.arange(side, device=pixels.device)
    inside = []
    for _ in range(2):
        length = _uniform(side // 8, side // 3, pixels, generator).floor()
        begin = (_uniform(0, 1, pixels, generator) * (side - length)).floor()
        inside.append((place >= begin[:, :, 0]) & (place < (begin + length)[:, :, 0]))
    return torch.where(inside[0][:, :, None] & inside[1][:, None, :], _uniform(0, 255, pixels, generator), pixels)


_CHANGES: tuple[tuple[float, Change], ...] = (
    (0.2, _light),
    (0.2, _change_tone),
    (0.15, _reduce),
    (0.1, _blur),
    (0.15, _add_noise),
    (0.3, _cover),
)
"""Probability at full strength, and the change."""
