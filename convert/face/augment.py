"""What makes a face network work on strangers: other frames, light, focus and cameras than the corpus had."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

Change = Callable[[Tensor, torch.Generator], Tensor]


def augment(pictures: Tensor, chance: torch.Generator, strength: float = 1.0) -> Tensor:
    """Changed copies of gray faces (n, s, s) of 0..255, uint8 or float32, their emotions kept: float32 of 0..255.

    What happens is drawn from `chance`, a generator of the CPU, so that every device draws the same. `strength` 0..1
    scales how often, but the flip: a small network asked for all of it all the time learns too little of anything.
    Train on much of it first, and end on little.
    """
    pixels = _framed(pictures.float(), chance, strength)
    for share, change in _CHANGES:
        rows = (torch.rand(len(pixels), generator=chance) < share * strength).nonzero().squeeze(1)
        if len(rows):
            there = rows.to(pixels.device)
            pixels[there] = change(pixels[there], chance)
    return pixels.clamp(0, 255)


def _framed(pixels: Tensor, chance: torch.Generator, strength: float) -> Tensor:
    """A detector's crop is rarely framed as FER2013 was: tighter, looser, tilted, off centre. Half are mirrored."""
    n, side = pixels.shape[:2]
    wide = torch.rand(n, generator=chance) < 0.35 * strength
    angle = torch.randn(n, generator=chance) * torch.where(wide, 9.0, 5.0).deg2rad()
    between, about = torch.rand(n, generator=chance) * 0.53 - 0.15, torch.randn(n, generator=chance) * 0.05
    scale = torch.where(wide, between, about).exp()
    mirror = torch.where(torch.rand(n, generator=chance) < 0.5, -1.0, 1.0)
    offset = torch.randn(n, 2, generator=chance) * 0.07  # in half sides
    cos, sin = angle.cos() / scale, angle.sin() / scale
    rows = torch.stack([torch.stack([mirror * cos, -sin], 1), torch.stack([mirror * sin, cos], 1)], 1)
    moved = torch.cat([rows, offset[:, :, None]], 2).to(pixels.device)
    grid = functional.affine_grid(moved, [n, 1, side, side], align_corners=False)
    return functional.grid_sample(pixels[:, None], grid, padding_mode="border", align_corners=False)[:, 0]


def _between(low: float, high: float, pixels: Tensor, chance: torch.Generator) -> Tensor:
    """(n, 1, 1) drawn evenly."""
    return (low + (high - low) * torch.rand(len(pixels), 1, 1, generator=chance)).to(pixels.device)


def _lit(pixels: Tensor, chance: torch.Generator) -> Tensor:
    """Light from one side."""
    across = torch.linspace(-1, 1, pixels.shape[-1], device=pixels.device)
    direction, amount = _between(0, 2 * torch.pi, pixels, chance), _between(0, 0.45, pixels, chance)
    return pixels * (1 + amount * (direction.cos() * across[None, None, :] + direction.sin() * across[None, :, None]))


def _toned(pixels: Tensor, chance: torch.Generator) -> Tensor:
    """Another camera's tone curve."""
    power = (torch.randn(len(pixels), 1, 1, generator=chance) * 0.35).exp().to(pixels.device)
    return 255 * (pixels / 255).clamp(0, 1) ** power


def _far(pixels: Tensor, chance: torch.Generator) -> Tensor:
    """A face farther away, enlarged."""
    side = pixels.shape[-1]
    sizes = torch.randint(side // 2, side, (len(pixels),), generator=chance)
    changed = torch.empty_like(pixels)
    for small in sizes.unique().tolist():
        rows = (sizes == small).nonzero().squeeze(1).to(pixels.device)
        smaller = functional.interpolate(pixels[rows][:, None], size=(small, small), mode="area")
        changed[rows] = functional.interpolate(smaller, size=(side, side), mode="bilinear")[:, 0]
    return changed


def _blurred(pixels: Tensor, chance: torch.Generator) -> Tensor:
    """Out of focus: a Gaussian of 0.4 to 1 pixel."""
    reach = 3
    steps = torch.arange(-reach, reach + 1, device=pixels.device)
    weights = torch.exp(-0.5 * (steps / _between(0.4, 1.0, pixels, chance)[:, :, 0]) ** 2)
    weights /= weights.sum(dim=1, keepdim=True)
    for axis in (1, 2):
        border = (0, 0, reach, reach) if axis == 1 else (reach, reach, 0, 0)
        padded = functional.pad(pixels[:, None], border, mode="replicate")[:, 0]
        shifted = [padded.narrow(axis, k, pixels.shape[axis]) for k in range(2 * reach + 1)]
        pixels = torch.stack([weights[:, k, None, None] * part for k, part in enumerate(shifted)]).sum(dim=0)
    return pixels


def _noisy(pixels: Tensor, chance: torch.Generator) -> Tensor:
    """A camera in a dim room."""
    return pixels + _between(2, 10, pixels, chance) * torch.randn(pixels.shape, generator=chance).to(pixels.device)


def _covered(pixels: Tensor, chance: torch.Generator) -> Tensor:
    """A hand, a cup, hair: one even rectangle, an eighth to a third of a side long."""
    side = pixels.shape[-1]
    place = torch.arange(side, device=pixels.device)
    inside = []
    for _ in range(2):
        length = _between(side // 8, side // 3, pixels, chance).floor()
        begin = (_between(0, 1, pixels, chance) * (side - length)).floor()
        inside.append((place >= begin[:, :, 0]) & (place < (begin + length)[:, :, 0]))
    return torch.where(inside[0][:, :, None] & inside[1][:, None, :], _between(0, 255, pixels, chance), pixels)


_CHANGES: tuple[tuple[float, Change], ...] = (
    (0.2, _lit),
    (0.2, _toned),
    (0.15, _far),
    (0.1, _blurred),
    (0.15, _noisy),
    (0.3, _covered),
)
"""How often at full strength, and what."""
