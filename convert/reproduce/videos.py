"""D's video experiment: CREMA-D's clips as sequences of faces. The set is not available here, only its reader."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt
import torch

from convert.datasets.records import Video
from convert.datasets.speech.cremad import read_videos
from convert.reproduce.experiment import Experiment, Outcome, Workspace, fit_and_predict
from convert.reproduce.networks_d import CREMA_D, SEQUENCE, TimeDistributedCnn
from convert.reproduce.splits import SEED
from convert.reproduce.training import FitPlan, Part, Parts
from device.errors import MediaError
from device.perception.face.align import aligned_crop
from device.perception.face.detector import BlazeFace, FaceDetector

FOLDER = "cremad"
_STRIDE = 5
"""Frames from one sequence to the next; the report only says "sliding"."""


def crop_faces(video: Video, detector: FaceDetector) -> npt.NDArray[np.uint8]:
    """The face with the highest score in each frame that has one: (frames, 48, 48) uint8.

    Corrupt frames were one of D's difficulties: a truncated file gives the faces before the damage.
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


def slide(faces: npt.NDArray[np.uint8]) -> Iterator[npt.NDArray[np.uint8]]:
    """Sequences (SEQUENCE, 48, 48) of a clip's faces, every _STRIDE frames; a shorter clip repeats its last face."""
    if len(faces):
        short = max(SEQUENCE - len(faces), 0)
        filled = np.concatenate([faces, np.repeat(faces[-1:], short, axis=0)])
        for begin in range(0, len(filled) - SEQUENCE + 1, _STRIDE):
            yield filled[begin : begin + SEQUENCE]


def make_sequences(videos: Sequence[Video], detector: FaceDetector) -> Part:
    """All sequences of the videos: (n, SEQUENCE, 1, 48, 48) uint8; raises MediaError when no video has a face."""
    pictures, labels, names, actors = [], [], [], []
    for video in videos:
        for number, sequence in enumerate(slide(crop_faces(video, detector))):
            pictures.append(sequence[:, None])
            labels.append(CREMA_D.index(video.own))
            names.append(f"{video.name}-{number}")
            actors.append(video.person)
    if not pictures:
        raise MediaError(f"CREMA-D video: no face found in {len(videos)} videos; are they the published ones?")
    inputs = torch.from_numpy(np.stack(pictures))
    corpora = np.full(len(names), "cremad_video")
    return Part((inputs,), torch.tensor(labels), np.array(names), np.array(actors), corpora)


def _video(workspace: Workspace) -> Outcome:
    """Random 60/20/20 over the clips (our interpretation); the sequences of a clip stay together."""
    videos = read_videos(workspace.corpora.data / FOLDER, part=True)[: workspace.rows]
    if len(videos) < 5:
        raise MediaError(f"CREMA-D video: {len(videos)} in {workspace.corpora.data / FOLDER}; at least 5 are needed")
    order = np.random.default_rng(SEED).permutation(len(videos))
    ends = round(0.6 * len(videos)), round(0.8 * len(videos))
    detector = BlazeFace()
    parts = [make_sequences([videos[i] for i in chosen], detector) for chosen in np.split(order, ends)]
    plan = FitPlan(12, 32, half=False)
    return fit_and_predict(workspace, "d-video", TimeDistributedCnn(), Parts(CREMA_D, *parts), plan)


VIDEOS = (
    Experiment(
        "d-video",
        "D",
        "cremad-video",
        "51 %",
        f"time-distributed CNN on {SEQUENCE} faces at a time; needs CREMA-D's videos (cremad/VideoFlash)",
        _video,
    ),
)
