"""D's video recipe: CREMA-D's clips as sequences of faces. The set is not here; its reader knows its layout."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt
import torch

from convert.datasets.cremad import read_videos
from convert.datasets.records import Video
from convert.reproduce.experiment import Experiment, Outcome, Workspace, fit_and_predict
from convert.reproduce.networks_d import CREMA_D, SEQUENCE, TimeDistributedCnn
from convert.reproduce.splits import SEED
from convert.reproduce.training import FitPlan, Part, Parts
from device.errors import MediaError
from device.perception.face.align import aligned_crop
from device.perception.face.detector import BlazeFace, FaceDetector

FOLDER = "cremad"
_STRIDE = 5
"""Frames from one sequence to the next of a clip; the report says "sliding" only."""


def face_crops(video: Video, detector: FaceDetector) -> npt.NDArray[np.uint8]:
    """The surest face of each frame of a video, where there is one: (frames, 48, 48) uint8.

    Corrupt frames were one of D's difficulties: a file that breaks off gives the faces before the break.
    """
    crops = []
    try:
        for pixels, _ in video.frames():
            found = detector.find(pixels)
            if found:
                gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
                crops.append(aligned_crop(gray, found[0]))
    except MediaError as error:
        print(f"{error}; {len(crops)} faces were found before it")
    return np.array(crops, np.uint8).reshape(-1, 48, 48)


def sliding(faces: npt.NDArray[np.uint8]) -> Iterator[npt.NDArray[np.uint8]]:
    """Sequences (SEQUENCE, 48, 48) of a clip's faces, one each _STRIDE; a shorter clip repeats its last face."""
    if len(faces):
        short = max(SEQUENCE - len(faces), 0)
        filled = np.concatenate([faces, np.repeat(faces[-1:], short, axis=0)])
        for begin in range(0, len(filled) - SEQUENCE + 1, _STRIDE):
            yield filled[begin : begin + SEQUENCE]


def sequences(recorded: Sequence[Video], detector: FaceDetector) -> Part:
    """All sequences of the videos: (n, SEQUENCE, 1, 48, 48) uint8; raises MediaError when no face is in any."""
    pictures, labels, names, actors = [], [], [], []
    for video in recorded:
        for number, sequence in enumerate(sliding(face_crops(video, detector))):
            pictures.append(sequence[:, None])
            labels.append(CREMA_D.index(video.own))
            names.append(f"{video.name}-{number}")
            actors.append(video.person)
    if not pictures:
        raise MediaError(f"CREMA-D video: no face found in {len(recorded)} videos; are they the published ones?")
    inputs = torch.from_numpy(np.stack(pictures))
    corpora = np.full(len(names), "cremad_video")
    return Part((inputs,), torch.tensor(labels), np.array(names), np.array(actors), corpora)


def _video(bench: Workspace) -> Outcome:
    """Random 60/20/20 over the clips, our reading; the sequences of one clip stay together."""
    recorded = read_videos(bench.corpora.data / FOLDER, part=True)[: bench.rows]
    if len(recorded) < 5:
        raise MediaError(f"CREMA-D video: {len(recorded)} in {bench.corpora.data / FOLDER}; at least 5 are needed")
    order = np.random.default_rng(SEED).permutation(len(recorded))
    ends = round(0.6 * len(recorded)), round(0.8 * len(recorded))
    detector = BlazeFace()
    parts = [sequences([recorded[i] for i in chosen], detector) for chosen in np.split(order, ends)]
    return fit_and_predict(bench, "d-video", TimeDistributedCnn(), Parts(CREMA_D, *parts), FitPlan(12, 32, half=False))


VIDEOS = (
    Experiment(
        *("d-video", "D", "cremad-video", "51 %"),
        f"time-distributed CNN on {SEQUENCE} faces at a time; runs when CREMA-D is given (cremad/VideoFlash)",
        _video,
    ),
)
