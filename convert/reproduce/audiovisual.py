"""E's pictures, and its two ways of joining them with sounds; then two ways that differ in what went wrong.

RAVDESS's video is not here. Each clip of RAVDESS speech is given a face of FER2013 with the same emotion (calm, which
FER2013 lacks, a neutral one), from Training, PublicTest or PrivateTest as the clip trains, chooses or tests. So the
face knows nothing of the voice but its emotion, and nothing in it tells calm from neutral.
"""

from dataclasses import replace

import cv2
import numpy as np
import torch
from torch import Tensor

from convert.datasets.clips import Clip
from convert.datasets.fer2013 import Faces
from convert.evaluation.predictions import Predictions, Strings
from convert.reproduce import networks_a, networks_e
from convert.reproduce.experiment import Experiment, Outcome, Workspace, fit_and_predict
from convert.reproduce.keras import count_keras_parameters
from convert.reproduce.splits import SEED, Split, get_ids, normalize
from convert.reproduce.training import FitPlan, Part, Parts, predict_logits, squared_error
from convert.reproduce.voices import embed_clips, get_eight_labels, make_lstm_parts
from device.emotions import EMOTIONS, Emotion
from device.errors import MediaError

_PAIRS = 720
_USAGES = ("Training", "PublicTest", "PrivateTest")
_HIDDEN = (256, 128, 64, 32)
"""E tells four hidden layers, not their widths."""


def _thirds(bench: Workspace) -> Split:
    training, validation, test = bench.corpora.ravdess("speech")
    return training[:_PAIRS], validation, test


def _faces_for(bench: Workspace, thirds: Split) -> list[Part]:
    """A face of the same emotion for each clip: pictures (n, 1, 48, 48) uint8, labels of eight."""
    corpus = bench.corpora.faces
    parts = (corpus.training(), corpus.validation(), corpus.test(without_copies=True))
    return [_drawn(faces, clips, usage) for faces, clips, usage in zip(parts, thirds, _USAGES, strict=True)]


def _drawn(faces: Faces, clips: list[Clip], usage: str) -> Part:
    rng = np.random.default_rng(SEED)
    chosen = []
    for clip in clips:
        alike = np.flatnonzero(faces.labels == clip.emotion)
        if not len(alike):
            raise MediaError(f"FER2013: no {EMOTIONS[clip.emotion]} face in {usage}; give the whole set")
        chosen.append(rng.choice(alike))
    at = np.array(chosen)
    names, speakers, corpora = get_ids(clips)
    pairs: Strings = np.array([f"{name}+{usage}-{i}" for name, i in zip(names, at, strict=True)])
    return Part((torch.from_numpy(faces.pictures[at][:, None]),), get_eight_labels(clips), pairs, speakers, corpora)


def _large(part: Part) -> Tensor:
    """Its pictures at E's size: (n, 3, 128, 128) uint8, three times the same gray."""
    side = (networks_e.PICTURE_PX, networks_e.PICTURE_PX)
    grown = np.stack([cv2.resize(p, side, interpolation=cv2.INTER_LINEAR) for p in part.inputs[0][:, 0].numpy()])
    return torch.from_numpy(grown.astype(np.uint8)[:, None]).expand(-1, 3, -1, -1)


def _pictures(bench: Workspace) -> Parts:
    faces = _faces_for(bench, _thirds(bench))
    return Parts(networks_e.EIGHT, *(replace(part, inputs=(_large(part),)) for part in faces))


def _visual(bench: Workspace) -> Outcome:
    """E's squared error and SGD; 95 steps, as its 2,824 pictures in batches of 150 made in five epochs."""
    plan = FitPlan(5, 38, 0.01, squared_error, sgd=True, keep_last=True)
    return fit_and_predict(bench, "e-visual", networks_e.VisualCnn(), _pictures(bench), plan, keep=True)


def _visual_mended(bench: Workspace) -> Outcome:
    """The same layers, pictures and steps; only the loss and the optimizer differ."""
    return fit_and_predict(bench, "e-visual-mended", networks_e.VisualCnn(), _pictures(bench), FitPlan(5, 38, 2e-4))


def _concatenated(bench: Workspace) -> Outcome:
    """(1): embeddings, and what the visual network sees as it was trained, one beside the other."""
    thirds = _thirds(bench)
    visual = bench.weights("e-visual", networks_e.VisualCnn())
    assert isinstance(visual, networks_e.VisualCnn)
    parts = []
    for heard, face in zip(embed_clips(bench, thirds), _faces_for(bench, thirds), strict=True):
        with torch.inference_mode():
            large = _large(face)
            seen = torch.cat([networks_e.picture_features(visual, p.float() / 255) for p in large.split(64)])
        parts.append(replace(face, inputs=(torch.cat([heard.inputs[0], seen], dim=1),)))
    network = networks_e.Mlp(parts[0].inputs[0].shape[1], _HIDDEN)
    return fit_and_predict(
        bench, "e-concatenated", network, Parts(networks_e.EIGHT, *parts), FitPlan(60, 64, patience=12)
    )


def _joint(bench: Workspace) -> Outcome:
    """(2): one softmax over both networks."""
    thirds = _thirds(bench)
    heard = make_lstm_parts(thirds)
    faces = _faces_for(bench, thirds)
    parts = [
        replace(face, inputs=(sound.inputs[0], _large(face)))
        for sound, face in zip((heard.training, heard.validation, heard.test), faces, strict=True)
    ]
    return fit_and_predict(bench, "e-joint", networks_e.Joint(), Parts(networks_e.EIGHT, *parts), FitPlan(5, 32, 5e-4))


def _face_logits(bench: Workspace, part: Part) -> tuple[Tensor, int]:
    """What A's face network reads in the pictures, as log-probabilities (n, 7), and its parameters."""
    network = bench.weights("a-face", networks_a.FaceNetwork())
    return torch.log_softmax(predict_logits(network, part), dim=1), count_keras_parameters(network)


def _concatenated_mended(bench: Workspace) -> Outcome:
    """(1) again, with seven numbers of a network that can read faces in the place of the visual one's 2,304."""
    thirds = _thirds(bench)
    parts = []
    for heard, face in zip(embed_clips(bench, thirds), _faces_for(bench, thirds), strict=True):
        parts.append(replace(face, inputs=(torch.cat([heard.inputs[0], _face_logits(bench, face)[0]], dim=1),)))
    whole = normalize(Parts(networks_e.EIGHT, *parts))
    network = networks_e.Mlp(whole.training.inputs[0].shape[1], _HIDDEN)
    return fit_and_predict(bench, "e-concatenated-mended", network, whole, FitPlan(60, 64, patience=12))


def _late(bench: Workspace) -> Outcome:
    """Each network trained alone; their log-probabilities added, the face's weight chosen on the validation pairs."""
    thirds = _thirds(bench)
    faces = _faces_for(bench, thirds)
    alike = [EMOTIONS.index(Emotion.NEUTRAL if name == "calm" else Emotion(name)) for name in networks_e.EIGHT]
    heard, seen = [], []
    for part, clips, face in zip(("validation", "test"), thirds[1:], faces[1:], strict=True):
        kept = bench.kept("e-lstm-speech", part)
        if list(kept.names) != [clip.name for clip in clips]:
            raise MediaError("e-late: e-lstm-speech was trained on other rows; remove its run folder and run it again")
        heard.append(torch.log_softmax(torch.from_numpy(kept.logits), dim=1))
        logits, parameters = _face_logits(bench, face)
        seen.append(logits[:, alike])
    labels = faces[1].labels
    weights = [i / 10 for i in range(31)]
    right = [int(((heard[0] + w * seen[0]).argmax(1) == labels).sum()) for w in weights]
    weight = weights[int(np.argmax(right))]
    read = [
        Predictions(
            networks_e.EIGHT, (h + weight * s).numpy(), face.labels.numpy(), face.names, face.groups, face.corpora
        )
        for h, s, face in zip(heard, seen, faces[1:], strict=True)
    ]
    total = parameters + count_keras_parameters(networks_e.FeatureLstm())
    return Outcome(read[0], read[1], total, said=f"the face weighs {weight:.1f} of the voice")


TOGETHER = (
    Experiment(
        *("e-concatenated-mended", "E", "faces-and-voices", "–"),
        "(1) with what A's face network reads in the pictures' place: seven numbers, scaled as the sound's are",
        _concatenated_mended,
    ),
    Experiment(
        *("e-late", "E", "faces-and-voices", "–"),
        "e-lstm-speech and A's face network, each trained alone, their answers multiplied",
        _late,
    ),
    Experiment(
        *("e-visual", "E", "faces-and-voices", "16.5 % (RAVDESS video)"),
        "pictures alone: squared error, SGD 0.01, 5 epochs; 720 pictures of FER2013 in the 95 steps of its 2,824",
        _visual,
    ),
    Experiment(
        *("e-visual-mended", "E", "faces-and-voices", "–"),
        "pictures alone: the same layers, pictures and steps; cross-entropy and Adam",
        _visual_mended,
    ),
    Experiment(
        *("e-concatenated", "E", "faces-and-voices", 'failed ("noise")'),
        "(1) embeddings beside the features of e-visual, into four hidden layers",
        _concatenated,
    ),
    Experiment(
        *("e-joint", "E", "faces-and-voices", 'failed ("noise")'),
        "(2) LSTM and visual network trained as one, cross-entropy and Adam",
        _joint,
    ),
)
