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
_GLASSES, _TURNED, _DARK, _DIM, _FAR_SCALE, _SHADED = 0.12, 0.3, 0.12, 0.1, 0.1, 0.12
"""How often, at full strength."""
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
    zoomed: Tensor
    """(n,) bool: cropped tighter than FER2013, as in webfaces."""

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, take: Tensor) -> "FacePictures":
        """Select the faces of `take`, indices or a mask (n,)."""
        return FacePictures(*(part[take] for part in vars(self).values()))


def change_faces(faces: FacePictures, chance: torch.Generator, strength: float = 1.0) -> Tensor:
    """(n, s, s) float32 of 0..255: each face changed as a living room would. `strength` 0..1 scales the probability."""
    pixels = faces.pixels.float()
    seen = _face_coordinates(faces, chance, strength)
    source = seen.clone()
    talks = _drawn(_TALKS[faces.labels] * strength, chance)
    mouths = _Mouths(faces.points[talks], chance)
    source[talks] = mouths.source(seen[talks])
    both = torch.stack([pixels, faces.masks.float()], dim=1)
    both = functional.grid_sample(both, source, padding_mode="border", align_corners=False)
    pixels, masks = both[:, 0], both[:, 1] / 255
    pixels[talks] = mouths.paint(pixels[talks], seen[talks])
    wears = _drawn(torch.full((len(faces),), _GLASSES * strength), chance)
    pixels[wears] = draw_glasses(pixels[wears], seen[wears], faces.points[wears], chance)
    dark = _drawn(torch.full((len(faces),), _DARK * strength), chance)
    pixels[dark] = _darken(pixels[dark], masks[dark], chance)
    for share, change in ((_SHADED, _shade), (_FAR_SCALE, _shrink), (_DIM, _dim)):
        rows = _drawn(torch.full((len(faces),), share * strength), chance)
        pixels[rows] = change(pixels[rows], chance)
    return augment(pixels.clamp(0, 255), chance, strength)


def _drawn(shares: Tensor, chance: torch.Generator) -> Tensor:
    """(k,) rows, each drawn with its own share (n,)."""
    return (torch.rand(len(shares), generator=chance) < shares).nonzero().squeeze(1)


def _uniform(low: float, high: float, count: int, chance: torch.Generator) -> Tensor:
    """(count, 1, 1)."""
    return low + (high - low) * torch.rand(count, 1, 1, generator=chance)


def _face_coordinates(faces: FacePictures, chance: torch.Generator, strength: float) -> Tensor:
    """(n, s, s, 2): the point of the face that each output pixel samples.

    Some faces are seen from below, above or the side (in perspective, with one end up to 1.5 times nearer), and half
    of the tightly cropped ones get FER2013's crop. `augment` does the other reframing and the tilting.
    """
    n, side = faces.pixels.shape[:2]
    across = (2 * torch.arange(side) + 1) / side - 1
    y, x = torch.meshgrid(across, across, indexing="ij")
    turned = (torch.rand(n, 1, 1, generator=chance) < _TURNED * strength).float()
    lean = 0.13 * torch.randn(n, 2, 1, 1, generator=chance).clamp(-1.6, 1.6) * turned[:, None]
    depth = 1 + lean[:, 0] * x + lean[:, 1] * y
    wide = ((torch.rand(n, generator=chance) < 0.5) & faces.zoomed).float()[:, None, None]
    grow = 1 + 0.09 * wide
    return torch.stack([x / depth * grow, y / depth * grow - 0.08 * wide], dim=3)


class _Mouths:
    """Talking mouths: open or closed, rounded or wide, with a lowered jaw."""

    def __init__(self, points: Tensor, chance: torch.Generator) -> None:
        n = len(points)
        points = 2 * points - 1
        eyes = (points[:, 1] - points[:, 0]).norm(dim=1)[:, None, None].clamp(min=0.3)
        self._x, self._y = points[:, 3, 0, None, None], points[:, 3, 1, None, None]
        self._eyes = eyes
        opens = (torch.rand(n, 1, 1, generator=chance) < 0.75).float()
        self._open = opens * _uniform(0.05, 0.3, n, chance) * eyes
        self._narrow = _uniform(-0.25, 0.45, n, chance)
        self._half_width = _uniform(0.16, 0.34, n, chance) * eyes
        self._level = _uniform(0.1, 0.5, n, chance)
        self._teeth = (torch.rand(n, 1, 1, generator=chance) < 0.4).float() * _uniform(0.2, 0.45, n, chance)

    def source(self, seen: Tensor) -> Tensor:
        """The picture coordinates (n, s, s, 2) to sample for the points `seen`."""
        dx, dy = seen[..., 0] - self._x, seen[..., 1] - self._y
        fall = torch.exp(-((dx / (0.6 * self._eyes)) ** 2))
        below = torch.where(dy > 0, (dy - self._open * fall).clamp(min=0), dy)
        near = torch.exp(-(dx**2 + dy**2) / (0.45 * self._eyes) ** 2)
        return torch.stack([self._x + dx * (1 + self._narrow * near), self._y + below], dim=3)

    def paint(self, pixels: Tensor, seen: Tensor) -> Tensor:
        """Paint the dark inside of open mouths, some with upper teeth, into pixels (n, s, s) of 0..255."""
        dx, dy = seen[..., 0] - self._x, seen[..., 1] - self._y - self._open / 2
        height = (self._open / 2).clamp(min=1e-3)
        inside = 1 - (dx / self._half_width) ** 2 - (dy / height) ** 2
        cover = torch.sigmoid(inside * height / _SOFT) * (self._open > 0)
        skin = pixels.mean(dim=(1, 2), keepdim=True)
        teeth = (dy / height < -1 + 2 * self._teeth) & (self._teeth > 0)
        inner = torch.where(teeth, 1.1 * skin, self._level * skin)
        return torch.lerp(pixels, inner, cover)


def talk(pixels: Tensor, seen: Tensor, points: Tensor, chance: torch.Generator) -> Tensor:
    """Sample pixels (n, s, s) of 0..255 at `seen` (n, s, s, 2), and give the faces talking mouths."""
    mouths = _Mouths(points, chance)
    changed = functional.grid_sample(pixels[:, None], mouths.source(seen), padding_mode="border", align_corners=False)
    return mouths.paint(changed[:, 0], seen)


def draw_glasses(pixels: Tensor, seen: Tensor, points: Tensor, chance: torch.Generator) -> Tensor:
    """Draw glasses into pixels (n, s, s) of 0..255, at the key `points` (n, 4, 2), shares of the side.

    Rims of many shapes, dark or light; one pair in five is tinted, one in four reflects a window.
    """
    n = len(pixels)
    eyes = 2 * points[:, :2] - 1
    axis = eyes[:, 1] - eyes[:, 0]
    distance = axis.norm(dim=1)[:, None, None].clamp(min=0.3)
    axis = axis / axis.norm(dim=1, keepdim=True).clamp(min=1e-3)
    middle = eyes.mean(dim=1)
    dx, dy = seen[..., 0] - middle[:, 0, None, None], seen[..., 1] - middle[:, 1, None, None]
    along = (dx * axis[:, 0, None, None] + dy * axis[:, 1, None, None]) / distance
    down = (dy * axis[:, 0, None, None] - dx * axis[:, 1, None, None]) / distance
    width, height = _uniform(0.3, 0.44, n, chance), _uniform(0.19, 0.36, n, chance)
    power, thick = _uniform(2, 5, n, chance), _uniform(0.015, 0.06, n, chance)
    down = down - _uniform(-0.02, 0.08, n, chance)
    # The distance from the centre of a lens; 1 at its rim.
    reach = ((((along.abs() - 0.5) / width).abs() ** power) + (down / height).abs() ** power) ** (1 / power)
    soft = _SOFT / distance
    rim = torch.sigmoid((thick - (reach - 1).abs() * height) / (soft / 2))
    bar = torch.sigmoid((thick - (down + 0.25 * height).abs()) / (soft / 2))
    between = (along.abs() < 0.5 - width) | (along.abs() > 0.5 + width)
    frame = torch.maximum(rim, bar * between) * _uniform(0.5, 1.0, n, chance)
    lens = torch.sigmoid((1 - reach) * height / soft)
    tinted = (torch.rand(n, 1, 1, generator=chance) < 0.2) * _uniform(0.2, 0.75, n, chance)
    pixels = pixels * (1 - tinted * lens)
    shine = (torch.rand(n, 1, 1, generator=chance) < 0.25) * _uniform(0.2, 0.7, n, chance)
    streak = ((along + down + _uniform(-0.5, 0.5, n, chance)).abs() < _uniform(0.03, 0.12, n, chance)).float()
    pixels = torch.lerp(pixels, torch.full_like(pixels, 250.0), shine * streak * lens)
    dark = torch.rand(n, 1, 1, generator=chance) < 0.8
    colour = torch.where(dark, _uniform(5, 70, n, chance), _uniform(150, 230, n, chance))
    return torch.lerp(pixels, colour.expand_as(pixels), frame)


def _darken(pixels: Tensor, masks: Tensor, chance: torch.Generator) -> Tensor:
    """Darken the skin: a gamma of 1.3 to 2.4 inside the face's outline; the surroundings stay as they are."""
    power = _uniform(1.3, 2.4, len(pixels), chance)
    return torch.lerp(pixels, 255 * (pixels / 255).clamp(0, 1) ** power, masks)


def _shade(pixels: Tensor, chance: torch.Generator) -> Tensor:
    """Light the face from a lamp above or beside it, or a window; the far end gets as little as a quarter."""
    across = torch.linspace(-1, 1, pixels.shape[-1])
    direction, amount = _uniform(0, 2 * torch.pi, len(pixels), chance), _uniform(0.3, 0.75, len(pixels), chance)
    return pixels * (1 + amount * (direction.cos() * across[None, None, :] + direction.sin() * across[None, :, None]))


def _shrink(pixels: Tensor, chance: torch.Generator) -> Tensor:
    """Reduce the face to 14 to 24 pixels."""
    side = pixels.shape[-1]
    sizes = torch.randint(14 * side // 48, side // 2, (len(pixels),), generator=chance)
    changed = torch.empty_like(pixels)
    for small in sizes.unique().tolist():
        rows = sizes == small
        smaller = functional.interpolate(pixels[rows][:, None], size=(small, small), mode="area")
        changed[rows] = functional.interpolate(smaller, size=(side, side), mode="bilinear")[:, 0]
    return changed


def _dim(pixels: Tensor, chance: torch.Generator) -> Tensor:
    """Reduce the light to between an eighth and a third, add camera noise, and round to whole grey levels."""
    noise = _uniform(2, 6, len(pixels), chance) * torch.randn(pixels.shape, generator=chance)
    return (_uniform(0.12, 0.35, len(pixels), chance) * pixels + noise).clamp(0, 255).round()
