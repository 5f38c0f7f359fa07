"""Augmentation for faces in living rooms, which the datasets rarely show: talking, in glasses, seen from below.

No change affects the emotion. Shapes are drawn in the face's own coordinates, from its key points, and are warped
together with the face in one resampling. Coordinates are those of `grid_sample`: -1..1 over the picture, x to the
right, y down.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from convert.face.augment import augment
from device.emotions import EMOTIONS, Emotion

_TALKS = torch.tensor(
    [
        {Emotion.NEUTRAL: 0.3, Emotion.ANGRY: 0.08, Emotion.SAD: 0.12, Emotion.DISGUST: 0.05}.get(emotion, 0.04)
        for emotion in EMOTIONS
    ]
)
"""How often the mouth of a face of each emotion is changed. The mouth gives away surprise and happiness."""
# How often each change is made, at full strength.
_GLASSES = 0.12
_TURNED = 0.3
_DARK = 0.12
_DIM = 0.1
_DISTANT = 0.1
_SHADED = 0.12
_SOFT = 0.03
"""Edge blur of drawn shapes, in units of half a side: about 0.7 px of 48."""


@dataclass(frozen=True)
class FacePictures:
    """n faces to augment; `points` and `masks` locate their features."""

    pixels: Tensor
    """(n, s, s) uint8 gray."""
    masks: Tensor
    """(n, s, s) uint8: 255 in the face, 0 outside."""
    points: Tensor
    """(n, 4, 2) float32: right eye, left eye, nose, mouth as shares of the side."""
    labels: Tensor
    """(n,) int64 in EMOTIONS' order."""
    is_zoomed: Tensor
    """(n,) bool: cropped tighter than FER2013, as in webfaces."""

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, take: Tensor) -> "FacePictures":
        """Select the faces of `take`, indices or a mask (n,)."""
        return FacePictures(*(part[take] for part in vars(self).values()))


def change_faces(faces: FacePictures, generator: torch.Generator, strength: float = 1.0) -> Tensor:
    """(n, s, s) float32 of 0..255: each face changed as a living room would. `strength` 0..1 scales the probability."""
    pixels = faces.pixels.float()
    positions = _face_coordinates(faces, generator, strength)
    grid = positions.clone()
    talking = _draw_rows(_TALKS[faces.labels] * strength, generator)
    mouths = _Mouths(faces.points[talking], generator)
    grid[talking] = mouths.sample_grid(positions[talking])
    both = torch.stack([pixels, faces.masks.float()], dim=1)
    both = functional.grid_sample(both, grid, padding_mode="border", align_corners=False)
    pixels, masks = both[:, 0], both[:, 1] / 255
    pixels[talking] = mouths.paint(pixels[talking], positions[talking])
    wearing = _draw_rows(torch.full((len(faces),), _GLASSES * strength), generator)
    pixels[wearing] = draw_glasses(pixels[wearing], positions[wearing], faces.points[wearing], generator)
    dark = _draw_rows(torch.full((len(faces),), _DARK * strength), generator)
    pixels[dark] = _darken(pixels[dark], masks[dark], generator)
    for share, change in ((_SHADED, _shade), (_DISTANT, _shrink), (_DIM, _dim)):
        rows = _draw_rows(torch.full((len(faces),), share * strength), generator)
        pixels[rows] = change(pixels[rows], generator)
    return augment(pixels.clamp(0, 255), generator, strength)


def _draw_rows(shares: Tensor, generator: torch.Generator) -> Tensor:
    """(k,) rows, each drawn with its own share (n,)."""
    return (torch.rand(len(shares), generator=generator) < shares).nonzero().squeeze(1)


def _uniform(low: float, high: float, count: int, generator: torch.Generator) -> Tensor:
    """(count, 1, 1)."""
    return low + (high - low) * torch.rand(count, 1, 1, generator=generator)


def _face_coordinates(faces: FacePictures, generator: torch.Generator, strength: float) -> Tensor:
    """(n, s, s, 2): the point of the face that each output pixel samples.

    Some faces are seen from below, above or the side (in perspective, with one end up to 1.5 times nearer), and half
    of the tightly cropped ones get FER2013's crop. `augment` does the other reframing and the tilting.
    """
    n, side = faces.pixels.shape[:2]
    across = (2 * torch.arange(side) + 1) / side - 1
    y, x = torch.meshgrid(across, across, indexing="ij")
    turned = (torch.rand(n, 1, 1, generator=generator) < _TURNED * strength).float()
    lean = 0.13 * torch.randn(n, 2, 1, 1, generator=generator).clamp(-1.6, 1.6) * turned[:, None]
    depth = 1 + lean[:, 0] * x + lean[:, 1] * y
    wide = ((torch.rand(n, generator=generator) < 0.5) & faces.is_zoomed).float()[:, None, None]
    grow = 1 + 0.09 * wide
    return torch.stack([x / depth * grow, y / depth * grow - 0.08 * wide], dim=3)


class _Mouths:
    """Talking mouths: open or closed, rounded or wide, with a lowered jaw."""

    def __init__(self, points: Tensor, generator: torch.Generator) -> None:
        n = len(points)
        points = 2 * points - 1
        eyes = (points[:, 1] - points[:, 0]).norm(dim=1)[:, None, None].clamp(min=0.3)
        self._x, self._y = points[:, 3, 0, None, None], points[:, 3, 1, None, None]
        self._eyes = eyes
        opens = (torch.rand(n, 1, 1, generator=generator) < 0.75).float()
        self._open = opens * _uniform(0.05, 0.3, n, generator) * eyes
        self._narrow = _uniform(-0.25, 0.45, n, generator)
        self._half_width = _uniform(0.16, 0.34, n, generator) * eyes
        self._level = _uniform(0.1, 0.5, n, generator)
        self._teeth = (torch.rand(n, 1, 1, generator=generator) < 0.4).float() * _uniform(0.2, 0.45, n, generator)

    def sample_grid(self, positions: Tensor) -> Tensor:
        """The picture coordinates (n, s, s, 2) to sample for the points `positions`."""
        dx, dy = positions[..., 0] - self._x, positions[..., 1] - self._y
        fall = torch.exp(-((dx / (0.6 * self._eyes)) ** 2))
        below = torch.where(dy > 0, (dy - self._open * fall).clamp(min=0), dy)
        near = torch.exp(-(dx**2 + dy**2) / (0.45 * self._eyes) ** 2)
        return torch.stack([self._x + dx * (1 + self._narrow * near), self._y + below], dim=3)

    def paint(self, pixels: Tensor, positions: Tensor) -> Tensor:
        """Paint the dark inside of open mouths, some with upper teeth, into pixels (n, s, s) of 0..255."""
        dx, dy = positions[..., 0] - self._x, positions[..., 1] - self._y - self._open / 2
        height = (self._open / 2).clamp(min=1e-3)
        inside = 1 - (dx / self._half_width) ** 2 - (dy / height) ** 2
        cover = torch.sigmoid(inside * height / _SOFT) * (self._open > 0)
        skin = pixels.mean(dim=(1, 2), keepdim=True)
        teeth = (dy / height < -1 + 2 * self._teeth) & (self._teeth > 0)
        inner = torch.where(teeth, 1.1 * skin, self._level * skin)
        return torch.lerp(pixels, inner, cover)


def talk(pixels: Tensor, positions: Tensor, points: Tensor, generator: torch.Generator) -> Tensor:
    """Sample pixels (n, s, s) of 0..255 at `positions` (n, s, s, 2), and give the faces talking mouths."""
    mouths = _Mouths(points, generator)
    changed = functional.grid_sample(
        pixels[:, None], mouths.sample_grid(positions), padding_mode="border", align_corners=False
    )
    return mouths.paint(changed[:, 0], positions)


def draw_glasses(pixels: Tensor, positions: Tensor, points: Tensor, generator: torch.Generator) -> Tensor:
    """Draw glasses into pixels (n, s, s) of 0..255, at the key `points` (n, 4, 2), shares of the side.

    Rims of many shapes, dark or light; one pair in five is tinted, one in four reflects a window.
    """
    n = len(pixels)
    eyes = 2 * points[:, :2] - 1
    axis = eyes[:, 1] - eyes[:, 0]
    distance = axis.norm(dim=1)[:, None, None].clamp(min=0.3)
    axis = axis / axis.norm(dim=1, keepdim=True).clamp(min=1e-3)
    middle = eyes.mean(dim=1)
    dx, dy = positions[..., 0] - middle[:, 0, None, None], positions[..., 1] - middle[:, 1, None, None]
    along = (dx * axis[:, 0, None, None] + dy * axis[:, 1, None, None]) / distance
    down = (dy * axis[:, 0, None, None] - dx * axis[:, 1, None, None]) / distance
    width, height = _uniform(0.3, 0.44, n, generator), _uniform(0.19, 0.36, n, generator)
    power, thick = _uniform(2, 5, n, generator), _uniform(0.015, 0.06, n, generator)
    down = down - _uniform(-0.02, 0.08, n, generator)
    # The distance from the centre of a lens; 1 at its rim.
    reach = ((((along.abs() - 0.5) / width).abs() ** power) + (down / height).abs() ** power) ** (1 / power)
    soft = _SOFT / distance
    rim = torch.sigmoid((thick - (reach - 1).abs() * height) / (soft / 2))
    bar = torch.sigmoid((thick - (down + 0.25 * height).abs()) / (soft / 2))
    between = (along.abs() < 0.5 - width) | (along.abs() > 0.5 + width)
    frame = torch.maximum(rim, bar * between) * _uniform(0.5, 1.0, n, generator)
    lens = torch.sigmoid((1 - reach) * height / soft)
    tinted = (torch.rand(n, 1, 1, generator=generator) < 0.2) * _uniform(0.2, 0.75, n, generator)
    pixels = pixels * (1 - tinted * lens)
    shine = (torch.rand(n, 1, 1, generator=generator) < 0.25) * _uniform(0.2, 0.7, n, generator)
    streak = ((along + down + _uniform(-0.5, 0.5, n, generator)).abs() < _uniform(0.03, 0.12, n, generator)).float()
    pixels = torch.lerp(pixels, torch.full_like(pixels, 250.0), shine * streak * lens)
    dark = torch.rand(n, 1, 1, generator=generator) < 0.8
    colour = torch.where(dark, _uniform(5, 70, n, generator), _uniform(150, 230, n, generator))
    return torch.lerp(pixels, colour.expand_as(pixels), frame)


def _darken(pixels: Tensor, masks: Tensor, generator: torch.Generator) -> Tensor:
    """Darken the skin: a gamma of 1.3 to 2.4 inside the face's outline; the surroundings stay as they are."""
    power = _uniform(1.3, 2.4, len(pixels), generator)
    return torch.lerp(pixels, 255 * (pixels / 255).clamp(0, 1) ** power, masks)


def _shade(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Light the face from a lamp above or beside it, or a window; the far end gets as little as a quarter."""
    across = torch.linspace(-1, 1, pixels.shape[-1])
    direction, amount = _uniform(0, 2 * torch.pi, len(pixels), generator), _uniform(0.3, 0.75, len(pixels), generator)
    return pixels * (1 + amount * (direction.cos() * across[None, None, :] + direction.sin() * across[None, :, None]))


def _shrink(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Reduce the face to 14 to 24 pixels."""
    side = pixels.shape[-1]
    sizes = torch.randint(14 * side // 48, side // 2, (len(pixels),), generator=generator)
    changed = torch.empty_like(pixels)
    for small in sizes.unique().tolist():
        rows = sizes == small
        smaller = functional.interpolate(pixels[rows][:, None], size=(small, small), mode="area")
        changed[rows] = functional.interpolate(smaller, size=(side, side), mode="bilinear")[:, 0]
    return changed


def _dim(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Reduce the light to between an eighth and a third, add camera noise, and round to whole grey levels."""
    noise = _uniform(2, 6, len(pixels), generator) * torch.randn(pixels.shape, generator=generator)
    return (_uniform(0.12, 0.35, len(pixels), generator) * pixels + noise).clamp(0, 255).round()
