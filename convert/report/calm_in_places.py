"""How networks read calm faces in hard conditions: talking, in glasses, under a lamp, or above the camera.

    python -m convert.report.calm_in_places [face.tflite ...]

Changes the neutral faces of PrivateTest (3,301), identically for every network, and counts how many are classified as
angry or sad at the default threshold. Talking mouths and glasses are drawn, so those figures are estimates.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from convert.arguments import add_data
from convert.datasets.pictures.fer2013 import Fer2013
from convert.evaluation.calm_faces import calm_misread
from convert.evaluation.metrics import fit_temperature
from convert.face.student.key_points import find_key_points
from convert.face.student.living_room import draw_glasses, talk
from convert.face.student.strangers import THRESHOLD, predict
from convert.report.baseline import PLACES
from device.emotions import EMOTIONS, Emotion, Floats, softmax
from device.errors import MienError
from device.perception.models.card import MODELS
from device.perception.tflite import Network

Pictures = npt.NDArray[np.uint8]
_NEUTRAL = EMOTIONS.index(Emotion.NEUTRAL)


def calm_pictures(data: Path) -> dict[str, Pictures]:
    """Condition -> the calm faces (n, 48, 48) in it."""
    faces = Fer2013(data / "fer2013").test(without_copies=True)
    calm = faces.pictures[faces.labels == _NEUTRAL]
    places = {name: np.stack([change(picture) for picture in calm]) for name, change in PLACES.items()}
    points = find_key_points(calm)
    return {
        "as they are": calm,
        "talking (drawn)": _draw(calm, points, talk),
        "with glasses (drawn)": _draw(calm, points, draw_glasses),
        **places,
    }


def _draw(pictures: Pictures, points: Floats, draw: Callable[..., torch.Tensor]) -> Pictures:
    side = pictures.shape[1]
    across = (2 * torch.arange(side) + 1) / side - 1
    y, x = torch.meshgrid(across, across, indexing="ij")
    positions = torch.stack([x, y], dim=2).expand(len(pictures), side, side, 2)
    generator = torch.Generator().manual_seed(0)
    changed = draw(torch.from_numpy(pictures).float(), positions, torch.from_numpy(points), generator)
    return changed.clamp(0, 255).round().byte().numpy()


def main() -> int:
    """Print a table; on a MienError, print one line and return 1."""
    parser = argparse.ArgumentParser(prog="python -m convert.report.calm_in_places", description=__doc__)
    parser.add_argument("networks", nargs="*", type=Path, help=".tflite files (default: the shipped network)")
    parser.add_argument(
        "--temperatures", nargs="*", type=float, default=[], help="one per network (default: fitted on PublicTest)"
    )
    add_data(parser)
    arguments = parser.parse_args()
    try:
        places = calm_pictures(arguments.data)
        public = Fer2013(arguments.data / "fer2013").validation()
        for number, path in enumerate(arguments.networks or [MODELS / "face.tflite"]):
            network = Network(path.read_bytes(), str(path))
            if number < len(arguments.temperatures):
                temperature = arguments.temperatures[number]
            else:
                temperature = fit_temperature(predict(network, public.pictures)[0], public.labels)
            print(f"{path}, temperature {temperature}")
            for name, pictures in places.items():
                probabilities = softmax(predict(network, pictures)[0], temperature)
                misread = calm_misread(probabilities, np.full(len(probabilities), _NEUTRAL), THRESHOLD)
                print(f"  {name:28} {misread:6.1f}")
    except (MienError, OSError) as error:
        print(f"convert: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
