"""Replaces the background of faces, so that a network cannot tell the datasets apart by it."""

import torch
from torch import Tensor
from torch.nn import functional

from convert.face.student.living_room import FacePictures

_FILLED = 0.7
"""The share of faces on black that get a background."""
_BLACKED, _EXCHANGED = 0.25, 0.1
"""The shares of the other faces that lose their background, or get another one."""


def change_backgrounds(faces: FacePictures, generator: torch.Generator, strength: float = 1.0) -> Tensor:
    """(n, s, s) uint8: faces on black (`is_zoomed`) get another face's hair, shoulders and room, and vice versa.

    A new background is matched to the face's brightness and contrast. `strength` scales how often pictures with a
    background of their own change; it does not affect those on black.
    """
    pixels, masks = faces.pixels.float(), _soften(faces.masks.float() / 255)
    with_room = (~faces.is_zoomed).nonzero().squeeze(1)
    draw = torch.rand(len(faces), generator=generator)
    filled = torch.where(faces.is_zoomed, draw < _FILLED, draw < _EXCHANGED * strength)
    blacked = ~faces.is_zoomed & (draw > 1 - _BLACKED * strength)
    if len(with_room):
        rows = filled.nonzero().squeeze(1)
        other = with_room[torch.randint(len(with_room), (len(rows),), generator=generator)]
        around, inside = _match_level(pixels[other], masks[other], pixels[rows], masks[rows]), masks[rows]
        pixels[rows] = torch.lerp(around, pixels[rows], inside)
    is_black = torch.rand(len(faces), 1, 1, generator=generator) < 0.7
    level = torch.where(is_black, 0.0, 200 * torch.rand(len(faces), 1, 1, generator=generator))
    pixels[blacked] = torch.lerp(level.expand_as(pixels)[blacked], pixels[blacked], masks[blacked])
    return pixels.clamp(0, 255).round().byte()


def _soften(masks: Tensor) -> Tensor:
    return functional.avg_pool2d(masks[:, None], 3, stride=1, padding=1, count_include_pad=False)[:, 0]


def _match_level(other: Tensor, other_masks: Tensor, face: Tensor, masks: Tensor) -> Tensor:
    """`other` with the mean and deviation of `face`, each measured inside its own outline."""
    mean, spread = _moments(other, other_masks)
    target_mean, target_spread = _moments(face, masks)
    return (other - mean) * (target_spread / spread) + target_mean


def _moments(pixels: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    weight = masks.sum(dim=(1, 2), keepdim=True).clamp(min=1.0)
    mean = (pixels * masks).sum(dim=(1, 2), keepdim=True) / weight
    spread = (((pixels - mean) ** 2 * masks).sum(dim=(1, 2), keepdim=True) / weight).sqrt()
    return mean, spread.clamp(min=8.0)
