"""Replaces the background of faces, so that a network cannot tell the datasets apart by it."""

import torch
from torch import Tensor
from torch.nn import functional

from convert.face.student.living_room import FacePictures

_FILLED, _BLACKED, _EXCHANGED = 0.7, 0.25, 0.1
"""Shares: faces on black that get a background; other faces that lose theirs, or get another one."""


def change_backgrounds(faces: FacePictures, chance: torch.Generator, strength: float = 1.0) -> Tensor:
    """(n, s, s) uint8: faces on black (`zoomed`) get another face's hair, shoulders and room, and vice versa.

    A new background is matched to the face's brightness and contrast. `strength` scales how often pictures with a
    background of their own change; it does not affect those on black.
    """
    pixels, masks = faces.pixels.float(), _softened(faces.masks.float() / 255)
    with_room = (~faces.zoomed).nonzero().squeeze(1)
    draw = torch.rand(len(faces), generator=chance)
    filled = torch.where(faces.zoomed, draw < _FILLED, draw < _EXCHANGED * strength)
    blacked = ~faces.zoomed & (draw > 1 - _BLACKED * strength)
    if len(with_room):
        rows = filled.nonzero().squeeze(1)
        other = with_room[torch.randint(len(with_room), (len(rows),), generator=chance)]
        around, inside = _leveled(pixels[other], masks[other], pixels[rows], masks[rows]), masks[rows]
        pixels[rows] = torch.lerp(around, pixels[rows], inside)
    level = torch.where(
        torch.rand(len(faces), 1, 1, generator=chance) < 0.7, 0.0, 200 * torch.rand(len(faces), 1, 1, generator=chance)
    )
    pixels[blacked] = torch.lerp(level.expand_as(pixels)[blacked], pixels[blacked], masks[blacked])
    return pixels.clamp(0, 255).round().byte()


def _softened(masks: Tensor) -> Tensor:
    return functional.avg_pool2d(masks[:, None], 3, stride=1, padding=1, count_include_pad=False)[:, 0]


def _leveled(other: Tensor, other_masks: Tensor, face: Tensor, masks: Tensor) -> Tensor:
    """`other` with the mean and deviation of `face`, each measured inside its own outline."""
    mean, spread = _moments(other, other_masks)
    wanted, width = _moments(face, masks)
    return (other - mean) * (width / spread) + wanted


def _moments(pixels: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    weight = masks.sum(dim=(1, 2), keepdim=True).clamp(min=1.0)
    mean = (pixels * masks).sum(dim=(1, 2), keepdim=True) / weight
    spread = (((pixels - mean) ** 2 * masks).sum(dim=(1, 2), keepdim=True) / weight).sqrt()
    return mean, spread.clamp(min=8.0)
