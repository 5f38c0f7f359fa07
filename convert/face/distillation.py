"""Distillation of the face network: augmented drawings of every picture, and the teachers' probabilities for each.

A student learns most from teachers that see the same augmented and mixed picture (Beyer et al. 2022, "Knowledge
distillation: a good teacher is patient and consistent"). Running them in every epoch would cost more than the training.
They therefore run on at most sixteen drawings of all pictures, which the student sees in turn.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from convert.face.augment import augment
from convert.networks.face import PUBLISHED, TEACHER, MienFace
from convert.networks.mobile_face import WIDTHS, MobileFace
from convert.training import checkpoints
from convert.training.loop import select_device
from device.errors import ModelError

FaceNetwork = MienFace | MobileFace
"""Networks with one head each for FER2013's and FER+'s labels."""
STRONG, CALM = 12, 4
"""Number of drawings at full augmentation, and at a third of it."""
_CHUNK = 4096
_CPU_CHUNK = 64
"""Pictures per forward pass: few enough for a CPU's caches; a GPU takes more."""
_MIXED_SHARE = 0.5


def face_inputs(pixels: Tensor) -> Tensor:
    """(n, s, s) of 0..255 -> (n, 1, s, s) float32: a batch version of `face_input`."""
    pixels = pixels.float()
    mean = pixels.mean(dim=(1, 2), keepdim=True)
    spread = pixels.std(dim=(1, 2), correction=0, keepdim=True).clamp(min=4.0)
    return ((pixels - mean) / spread)[:, None].contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class Drawing:
    """Every picture augmented once, half of them mixed with another one (Zhang et al. 2018, "mixup")."""

    inputs: Tensor
    """(n, 1, s, s) float32, the network's input."""
    other: Tensor
    """(n,) int64: the row of the picture mixed in."""
    share: Tensor
    """(n, 1) float32, 0.5..1: the weight of the picture itself."""

    def mix(self, targets: Tensor) -> Tensor:
        """Targets (n, k) of the pictures -> targets (n, k) of the drawings."""
        return self.share * targets + (1 - self.share) * targets[self.other]


def draw(pictures: Tensor, seed: tuple[int, int], strength: float) -> Drawing:
    """The drawing of `pictures` (n, s, s) uint8 for `seed`; the same on every device."""
    generator = torch.Generator().manual_seed(1_000_003 * seed[0] + seed[1])
    pixels = torch.cat([augment(chunk, generator, strength) for chunk in pictures.split(_CHUNK)])
    n = len(pixels)
    other = torch.randperm(n, generator=generator).to(pixels.device)
    weight = torch.rand(n, 1, generator=generator) ** 2 / 2
    is_mixed = torch.rand(n, 1, generator=generator) < _MIXED_SHARE * strength
    weight = torch.where(is_mixed, weight, 0.0).to(pixels.device)
    # Both are normalized before they are mixed, as the device normalizes a face.
    clean = face_inputs(pixels)
    weights = weight[:, :, None, None]
    mixed = face_inputs(100 * ((1 - weights) * clean + weights * clean[other])[:, 0])
    return Drawing(torch.where(weights > 0, mixed, clean), other, 1 - weight)


def augmentation_strength(number: int) -> float:
    """The strength of the `number`-th of the STRONG + CALM drawings."""
    return 1.0 if number < STRONG else 1 / 3


def select_drawing(epoch: int, epochs: int, calm_from: float) -> int:
    """The drawing that `epoch` of `epochs` trains on: a calm one after the share `calm_from`."""
    return epoch % STRONG if epoch < calm_from * epochs else STRONG + epoch % CALM


def hash_teachers(teachers: Sequence[Path]) -> str:
    """SHA-256 of all weights together; raises ModelError when a teacher has none."""
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


def load_targets(
    teachers: Sequence[Path],
    pictures: Tensor,
    seed: int,
    path: Path,
    ferplus_teachers: Sequence[Path] = (),
    numbers: Iterable[int] = range(STRONG + CALM),
) -> dict[int, Tensor]:
    """Number of the drawing -> (n, 7 + 8) float16: the teachers' mean probabilities of both heads.

    `ferplus_teachers` replace them for FER+'s eight. The teachers see each drawing once: their predictions are stored
    in `path` drawing by drawing, so that an interrupted run can continue.
    """
    key = [hash_teachers(teachers), hash_teachers(ferplus_teachers), seed, tuple(pictures.shape)]
    targets: dict[int, Tensor] = {}
    if path.exists():
        stored = checkpoints.load(path, torch.device("cpu"))
        if stored["asked"] == key:
            targets = stored["said"]
    wanted = sorted(set(numbers))
    missing = [number for number in wanted if number not in targets]
    if not missing:
        return targets
    # A teacher that serves both heads, or is named twice, is loaded and run only once.
    networks = {teacher: load_teacher(teacher, pictures) for teacher in (*teachers, *ferplus_teachers)}

    def predict(inputs: Tensor) -> Tensor:
        inputs = inputs.to(torch.bfloat16)
        with torch.inference_mode():
            heads = {teacher: network.both(inputs) for teacher, network in networks.items()}
        emotions = _mean_probabilities([heads[teacher][0] for teacher in teachers])
        ferplus = _mean_probabilities([heads[teacher][1] for teacher in ferplus_teachers or teachers])
        return torch.cat([emotions, ferplus], dim=1)

    chunk = _CHUNK if select_device().type == "cuda" else _CPU_CHUNK
    path.parent.mkdir(parents=True, exist_ok=True)
    for done, number in enumerate(missing, start=len(wanted) - len(missing) + 1):
        inputs = draw(pictures, (seed, number), augmentation_strength(number)).inputs
        targets[number] = torch.cat([predict(part) for part in inputs.split(chunk)]).half().cpu()
        checkpoints.save({"asked": key, "said": targets}, path)
        print(f"teachers: {done}/{len(wanted)} drawings done by {len(networks)} networks", flush=True)
    return targets


def load_teacher(teacher: Path, pictures: Tensor) -> FaceNetwork:
    """The network of a run folder or a .tflite, in evaluation mode, in bfloat16, on `select_device()`.

    `pictures` (n, s, s) are some of its training pictures.
    """
    network = MienFace() if teacher.suffix == ".tflite" else _find_type(teacher)()
    load_into(network, teacher, pictures)
    return network.to(select_device(), torch.bfloat16, memory_format=torch.channels_last).eval()


def load_into(network: FaceNetwork, source: Path, pictures: Tensor) -> None:
    """Load a run folder or a .tflite into `network`. A .tflite's batch normalization is estimated on `pictures`.

    A MobileFace can also start from a .json: see `pretrained`. Raises ModelError when `source` does not fit.
    """
    if source.suffix == ".json":
        from convert.face.pretrained import load_mobilenet

        if not isinstance(network, MobileFace):
            raise ModelError(f"{source}: only face-teacher-pretrained can start from a .json")
        load_mobilenet(network, source, face_inputs(pictures[:512].cpu()))
    elif source.suffix == ".tflite":
        # The runtime is installed where networks are quantized, not on every machine with a GPU.
        from convert.face.from_tflite import load_tflite

        load_tflite(network, source, face_inputs(pictures[:2048].cpu()))
    else:
        checkpoints.load_into(network, source)


_TYPES: dict[int, Callable[[], FaceNetwork]] = {
    PUBLISHED[-1]: MienFace,
    TEACHER[-1]: lambda: MienFace(TEACHER),
    WIDTHS[-1]: MobileFace,
}
"""The network of a run folder, by the input width of its heads."""


def _find_type(folder: Path) -> Callable[[], FaceNetwork]:
    heads = checkpoints.load_weights(folder).get("emotions.weight")
    if heads is None or heads.dim() != 2 or heads.shape[1] not in _TYPES:
        raise ModelError(f"{folder}: holds no face network; name one made by python -m convert train face-teacher-1")
    return _TYPES[heads.shape[1]]


def _mean_probabilities(logits: Sequence[Tensor]) -> Tensor:
    return torch.stack([one.float().softmax(dim=1) for one in logits]).mean(dim=0)
