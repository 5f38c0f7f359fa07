"""What the face network learns from: drawings of every picture, and what larger networks see in each of them.

A pupil learns most from teachers who look at the very picture that it looks at, changed and mixed as it is (Beyer et
al. 2022, "Knowledge distillation: a good teacher is patient and consistent"). Asking them anew in each epoch would
cost more than the learning: they are asked about sixteen drawings of all pictures at most, and the pupil sees these in
turn.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from convert.face.augment import augment
from convert.networks.face import SHIPPED, TEACHER, MienFace
from convert.networks.mobile_face import WIDTHS, MobileFace
from convert.training import checkpoints
from convert.training.loop import device_here
from device.errors import ModelError

FaceNetwork = MienFace | MobileFace
"""What reads both of a face's label sets."""
MUCH, LITTLE = 12, 4
"""How many drawings are much changed, and how many a third as often."""
_CHUNK = 4096
_CPU_CHUNK = 64
"""What a processor's caches hold; a GPU is fed more at once."""
_MIXED = 0.5


def face_inputs(pixels: Tensor) -> Tensor:
    """(n, s, s) of 0..255 -> (n, 1, s, s) float32, as `face_input` makes them one by one."""
    pixels = pixels.float()
    mean = pixels.mean(dim=(1, 2), keepdim=True)
    spread = pixels.std(dim=(1, 2), correction=0, keepdim=True).clamp(min=4.0)
    return ((pixels - mean) / spread)[:, None].contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class Drawing:
    """Every picture changed once, half of them with another one shining through (Zhang et al. 2018, "mixup")."""

    inputs: Tensor
    """(n, 1, s, s) float32, as the network takes them."""
    other: Tensor
    """(n,) int64: the row of what shines through."""
    share: Tensor
    """(n, 1) float32, 0.5..1: how much of it is the picture itself."""

    def mixed(self, targets: Tensor) -> Tensor:
        """(n, k) of the pictures -> (n, k) of the drawings."""
        return self.share * targets + (1 - self.share) * targets[self.other]


def draw(pictures: Tensor, seed: tuple[int, int], strength: float) -> Drawing:
    """The drawing of `pictures` (n, s, s) uint8 that belongs to `seed`; the same on every device."""
    chance = torch.Generator().manual_seed(1_000_003 * seed[0] + seed[1])
    pixels = torch.cat([augment(chunk, chance, strength) for chunk in pictures.split(_CHUNK)])
    n = len(pixels)
    other = torch.randperm(n, generator=chance).to(pixels.device)
    through = torch.rand(n, 1, generator=chance) ** 2 / 2
    through = torch.where(torch.rand(n, 1, generator=chance) < _MIXED * strength, through, 0.0).to(pixels.device)
    # The two are brought to one light before they are mixed, as the device brings a face before it is read.
    clean = face_inputs(pixels)
    weight = through[:, :, None, None]
    mixed = face_inputs(100 * ((1 - weight) * clean + weight * clean[other])[:, 0])
    return Drawing(torch.where(weight > 0, mixed, clean), other, 1 - through)


def teacher_strength(number: int) -> float:
    """Of the `number`-th of the MUCH + LITTLE drawings."""
    return 1.0 if number < MUCH else 1 / 3


def file_sha256(teachers: Sequence[Path]) -> str:
    """Of the weights together; raises ModelError where one has none."""
    digest = hashlib.sha256()
    for teacher in teachers:
        weights = teacher if teacher.suffix == ".tflite" else teacher / "best.pt"
        try:
            digest.update(weights.read_bytes())
        except OSError as error:
            raise ModelError(
                f"{weights}: cannot be read ({error.strerror}); a teacher is a .tflite or a run folder, made by "
                "python -m convert train face-teacher-1"
            ) from error
    return digest.hexdigest()


def decode_drawing(epoch: int, epochs: int, calm_from: float) -> int:
    """The drawing that `epoch`, of `epochs`, learns from where there are teachers: a calm one from `calm_from` on."""
    return epoch % MUCH if epoch < calm_from * epochs else MUCH + epoch % LITTLE


def lessons(
    teachers: Sequence[Path],
    pictures: Tensor,
    seed: int,
    kept: Path,
    ferplus_teachers: Sequence[Path] = (),
    numbers: Iterable[int] = range(MUCH + LITTLE),
) -> dict[int, Tensor]:
    """Drawing's number -> (n, 7 + 8) float16: what the teachers, together, see in it; probabilities of both heads.

    `ferplus_teachers` tell FER+'s eight in their place. Each drawing is asked about once: `kept` holds what they said,
    drawing by drawing, for a run that goes on.
    """
    asked = [file_sha256(teachers), file_sha256(ferplus_teachers), seed, tuple(pictures.shape)]
    said: dict[int, Tensor] = {}
    if kept.exists():
        before = checkpoints.loaded(kept, torch.device("cpu"))
        if before["asked"] == asked:
            said = before["said"]
    wanted = sorted(set(numbers))
    left = [number for number in wanted if number not in said]
    if not left:
        return said
    # Who teaches both, or is to count twice, is asked once.
    networks = {teacher: load_teacher(teacher, pictures) for teacher in (*teachers, *ferplus_teachers)}

    def see(inputs: Tensor) -> Tensor:
        inputs = inputs.to(torch.bfloat16)
        with torch.inference_mode():
            heads = {teacher: network.both(inputs) for teacher, network in networks.items()}
        emotions = _together([heads[teacher][0] for teacher in teachers])
        return torch.cat([emotions, _together([heads[teacher][1] for teacher in ferplus_teachers or teachers])], dim=1)

    chunk = _CHUNK if device_here().type == "cuda" else _CPU_CHUNK
    kept.parent.mkdir(parents=True, exist_ok=True)
    for done, number in enumerate(left, start=len(wanted) - len(left) + 1):
        inputs = draw(pictures, (seed, number), teacher_strength(number)).inputs
        said[number] = torch.cat([see(part) for part in inputs.split(chunk)]).half().cpu()
        partial = kept.with_suffix(".partial")
        torch.save({"asked": asked, "said": said}, partial)
        partial.replace(kept)
        print(f"lessons: {done}/{len(wanted)} drawings seen by {len(networks)} teachers", flush=True)
    return said


def load_teacher(teacher: Path, pictures: Tensor) -> FaceNetwork:
    """The network of a run folder or of a .tflite, put to rest, in bfloat16, where it is asked.

    `pictures` (n, s, s) are some of those that it learnt from.
    """
    network = MienFace() if teacher.suffix == ".tflite" else _size(teacher)()
    fill(network, teacher, pictures)
    return network.to(device_here(), torch.bfloat16, memory_format=torch.channels_last).eval()


def fill(network: FaceNetwork, source: Path, pictures: Tensor) -> None:
    """Give `network` the weights of a run folder or of a .tflite, whose normalizations are made anew on `pictures`.

    A MobileFace may begin from a .json, too: see `pretrained`. Raises ModelError where `source` is of another recipe.
    """
    if source.suffix == ".json":
        from convert.face.pretrained import begin_from

        if not isinstance(network, MobileFace):
            raise ModelError(f"{source}: only face-teacher-pretrained begins from a .json")
        begin_from(network, source, face_inputs(pictures[:512].cpu()))
    elif source.suffix == ".tflite":
        # The runtime is there where networks are quantized, not on every machine with a GPU.
        from convert.face.from_tflite import thaw

        thaw(network, source, face_inputs(pictures[:2048].cpu()))
    else:
        checkpoints.fill(network, source)


_SIZES: dict[int, Callable[[], FaceNetwork]] = {
    SHIPPED[-1]: MienFace,
    TEACHER[-1]: lambda: MienFace(TEACHER),
    WIDTHS[-1]: MobileFace,
}
"""What a run folder holds, by the width of what its heads read."""


def _size(folder: Path) -> Callable[[], FaceNetwork]:
    heads = checkpoints.load_weights(folder).get("emotions.weight")
    if heads is None or heads.dim() != 2 or heads.shape[1] not in _SIZES:
        raise ModelError(f"{folder}: it holds no face network; name one made by python -m convert train face-teacher-1")
    return _SIZES[heads.shape[1]]


def _together(logits: Sequence[Tensor]) -> Tensor:
    return torch.stack([one.float().softmax(dim=1) for one in logits]).mean(dim=0)
