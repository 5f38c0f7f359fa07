"""E's pictures and its two ways of fusing them with sounds; then two variants that fix what went wrong.

RAVDESS's video is not available here. Each clip of RAVDESS speech gets a face of FER2013 with the same emotion (for
calm, which FER2013 lacks, a neutral one), from Training, PublicTest or PrivateTest as the clip is in training,
validation or test. So the face depends on the voice only by its emotion, and cannot distinguish calm from neutral.
"""

from dataclasses import replace

import cv2
import numpy as np
import torch
from torch import Tensor

from convert.datasets.pictures.fer2013 import Faces
from convert.datasets.speech.clips import Clip
from convert.evaluation.predictions import Strings
from convert.reproduce import networks_a, networks_e
from convert.reproduce.experiment import Experiment, Outcome, Workspace, fit_and_predict
from convert.reproduce.keras import count_keras_parameters
from convert.reproduce.splits import SEED, Split, get_ids, normalize
from convert.reproduce.training import FitPlan, Part, Parts, predict, predict_logits, squared_error
from convert.reproduce.voices import embed_clips, get_eight_labels, make_lstm_parts
from device.emotions import EMOTIONS, Emotion
from device.errors import MediaError

_MAX_TRAINING_CLIPS = 720
_USAGES = ("Training", "PublicTest", "PrivateTest")
_HIDDEN = (256, 128, 64, 32)
"""E's report mentions four hidden layers, not their widths."""


def _split(workspace: Workspace) -> Split:
    training, validation, test = workspace.corpora.ravdess("speech")
    return training[:_MAX_TRAINING_CLIPS], validation, test


def _faces_for(workspace: Workspace, split: Split) -> list[Part]:
    """A face of the same emotion for each clip: pictures (n, 1, 48, 48) uint8, eight labels."""
    corpus = workspace.corpora.faces
    parts = (corpus.training(), corpus.validation(), corpus.test(without_copies=True))
    return [_draw_faces(faces, clips, usage) for faces, clips, usage in zip(parts, split, _USAGES, strict=True)]


def _draw_faces(faces: Faces, clips: list[Clip], usage: str) -> Part:
    rng = np.random.default_rng(SEED)
    at = np.zeros(len(clips), int)
    for row, clip in enumerate(clips):
        faces_alike = np.flatnonzero(faces.labels == clip.emotion)
        if not len(faces_alike):
            raise MediaError(f"FER2013: no {EMOTIONS[clip.emotion]} face in {usage}; give the whole set")
        at[row] = rng.choice(faces_alike)
    names, speakers, corpora = get_ids(clips)
    pairs: Strings = np.array([f"{name}+{usage}-{i}" for name, i in zip(names, at, strict=True)])
    return Part((torch.from_numpy(faces.pictures[at][:, None]),), get_eight_labels(clips), pairs, speakers, corpora)


def _enlarge(part: Part) -> Tensor:
    """The pictures at E's size: (n, 3, 128, 128) uint8, three equal channels."""
    side = (networks_e.PICTURE_PX, networks_e.PICTURE_PX)
    grown = np.stack([cv2.resize(p, side, interpolation=cv2.INTER_LINEAR) for p in part.inputs[0][:, 0].numpy()])
    return torch.from_numpy(grown.astype(np.uint8)[:, None]).expand(-1, 3, -1, -1)


def _pictures(workspace: Workspace) -> Parts:
    faces = _faces_for(workspace, _split(workspace))
    return Parts(networks_e.EIGHT, *(replace(part, inputs=(_enlarge(part),)) for part in faces))


def _visual(workspace: Workspace) -> Outcome:
    """E's squared error and SGD; 95 steps, as in five epochs of its 2,824 pictures in batches of 150."""
    plan = FitPlan(5, 38, 0.01, squared_error, sgd=True, keep_last=True)
    return fit_and_predict(
        workspace, "e-visual", networks_e.VisualCnn(), _pictures(workspace), plan, returns_network=True
    )


def _visual_fixed(workspace: Workspace) -> Outcome:
    """The same layers, pictures and steps with another loss and optimizer."""
    plan = FitPlan(5, 38, 2e-4)
    return fit_and_predict(workspace, "e-visual-mended", networks_e.VisualCnn(), _pictures(workspace), plan)


def _concatenated(workspace: Workspace) -> Outcome:
    """(1): embeddings and the trained visual network's features, concatenated."""
    split = _split(workspace)
    visual = workspace.load_weights("e-visual", networks_e.VisualCnn())
    assert isinstance(visual, networks_e.VisualCnn)
    parts = []
    for voice, face in zip(embed_clips(workspace, split), _faces_for(workspace, split), strict=True):
        with torch.inference_mode():
            large = _enlarge(face)
            features = torch.cat([networks_e.picture_features(visual, p.float() / 255) for p in large.split(64)])
        parts.append(replace(face, inputs=(torch.cat([voice.inputs[0], features], dim=1),)))
    network, whole = networks_e.Mlp(parts[0].inputs[0].shape[1], _HIDDEN), Parts(networks_e.EIGHT, *parts)
    return fit_and_predict(workspace, "e-concatenated", network, whole, FitPlan(60, 64, patience=12))


def _joint(workspace: Workspace) -> Outcome:
    """(2): one softmax over both networks."""
    split = _split(workspace)
    voice = make_lstm_parts(split)
    pairs = zip((voice.training, voice.validation, voice.test), _faces_for(workspace, split), strict=True)
    parts = [replace(face, inputs=(sound.inputs[0], _enlarge(face))) for sound, face in pairs]
    whole = Parts(networks_e.EIGHT, *parts)
    return fit_and_predict(workspace, "e-joint", networks_e.Joint(), whole, FitPlan(5, 32, 5e-4))


def _face_logits(workspace: Workspace, part: Part) -> tuple[Tensor, int]:
    """A's face network on the pictures: log-probabilities (n, 7) and its number of parameters."""
    network = workspace.load_weights("a-face", networks_a.FaceNetwork())
    return torch.log_softmax(predict_logits(network, part), dim=1), count_keras_parameters(network)


def _concatenated_fixed(workspace: Workspace) -> Outcome:
    """(1) again, with the seven outputs of a network that reads faces, not the visual network's 2,304 features."""
    split = _split(workspace)
    parts = []
    for voice, face in zip(embed_clips(workspace, split), _faces_for(workspace, split), strict=True):
        parts.append(replace(face, inputs=(torch.cat([voice.inputs[0], _face_logits(workspace, face)[0]], dim=1),)))
    whole = normalize(Parts(networks_e.EIGHT, *parts))
    network = networks_e.Mlp(whole.training.inputs[0].shape[1], _HIDDEN)
    return fit_and_predict(workspace, "e-concatenated-mended", network, whole, FitPlan(60, 64, patience=12))


def _late(workspace: Workspace) -> Outcome:
    """Each network trained alone; their log-probabilities added, the face's weight chosen on the validation pairs."""
    split = _split(workspace)
    faces = _faces_for(workspace, split)
    columns = [EMOTIONS.index(Emotion.NEUTRAL if name == "calm" else Emotion(name)) for name in networks_e.EIGHT]
    voice_logits, face_logits = [], []
    for part, clips, face in zip(("validation", "test"), split[1:], faces[1:], strict=True):
        voice = workspace.load_predictions("e-lstm-speech", part)
        if list(voice.names) != [clip.name for clip in clips]:
            raise MediaError(
                "e-late: e-lstm-speech was trained on other rows; delete its run folder and train it again"
            )
        voice_logits.append(torch.log_softmax(torch.from_numpy(voice.logits), dim=1))
        logits, parameters = _face_logits(workspace, face)
        face_logits.append(logits[:, columns])
    labels = faces[1].labels
    weights = [i / 10 for i in range(31)]
    correct = [int(((voice_logits[0] + w * face_logits[0]).argmax(1) == labels).sum()) for w in weights]
    weight = weights[int(np.argmax(correct))]
    validation, test = (
        predict(voice + weight * face, part, networks_e.EIGHT)
        for voice, face, part in zip(voice_logits, face_logits, faces[1:], strict=True)
    )
    total = parameters + count_keras_parameters(networks_e.FeatureLstm())
    return Outcome(validation, test, total, note=f"the face's weight is {weight:.1f} of the voice's")


AUDIOVISUAL = (
    Experiment(
        "e-concatenated-mended",
        "E",
        "faces-and-voices",
        "–",
        "(1) with the seven outputs of A's face network in place of the picture features, scaled like the sound",
        _concatenated_fixed,
    ),
    Experiment(
        "e-late",
        "E",
        "faces-and-voices",
        "–",
        "e-lstm-speech and A's face network, each trained alone, probabilities multiplied",
        _late,
    ),
    Experiment(
        "e-visual",
        "E",
        "faces-and-voices",
        "16.5 % (RAVDESS video)",
        "pictures alone: squared error, SGD 0.01, 5 epochs; 720 pictures of FER2013 in 95 steps, as for its 2,824",
        _visual,
    ),
    Experiment(
        "e-visual-mended",
        "E",
        "faces-and-voices",
        "–",
        "pictures alone: the same layers, pictures and steps; cross-entropy and Adam",
        _visual_fixed,
    ),
    Experiment(
        "e-concatenated",
        "E",
        "faces-and-voices",
        'failed ("noise")',
        "(1) embeddings and the features of e-visual into four hidden layers",
        _concatenated,
    ),
    Experiment(
        "e-joint",
        "E",
        "faces-and-voices",
        'failed ("noise")',
        "(2) LSTM and visual network trained together, cross-entropy and Adam",
        _joint,
    ),
)
