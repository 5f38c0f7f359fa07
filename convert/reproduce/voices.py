"""The seeds' sound experiments: A on TESS, B on SAVEE, D on six emotions of RAVDESS speech, E on RAVDESS."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from convert.datasets.speech.clips import Clip
from convert.evaluation.metrics import accuracy
from convert.evaluation.predictions import Predictions
from convert.reproduce import networks_a, networks_b, networks_d, networks_e, sound_features
from convert.reproduce.experiment import Experiment, Outcome, Workspace, fit_and_predict
from convert.reproduce.splits import get_ids, make_sound_part, normalize, to_eight
from convert.reproduce.training import FitPlan, Part, Parts, predict, predict_logits
from convert.voice.augment import trim_silence
from device.emotions import EMOTIONS, Floats
from device.errors import MediaError

Features = Callable[[Floats], Floats]
Label = Callable[[Clip], int] | None


def _augment_clips(clips: list[Clip], features: Features, changes: Sequence[Features], label: Label = None) -> Part:
    """The unchanged clips, then a copy of all of them per change; for training only."""
    copies = [make_sound_part(clips, features, label)]
    copies += [make_sound_part(clips, partial(_apply, features, change), label) for change in changes]
    return Part(
        (torch.cat([copy.inputs[0] for copy in copies]),),
        torch.cat([copy.labels for copy in copies]),
        *(np.tile(ids, len(copies)) for ids in (copies[0].names, copies[0].groups, copies[0].corpora)),
    )


def _apply(features: Features, change: Features, samples: Floats) -> Floats:
    return features(change(samples))


def _a_voice(workspace: Workspace) -> Outcome:
    training, validation, test = workspace.corpora.tess()
    noisy = partial(sound_features.add_noise, rng=np.random.default_rng(0))
    both = _augment_clips(training, sound_features.table_row, [noisy])
    others = [make_sound_part(clips, sound_features.table_row) for clips in (validation, test)]
    whole = normalize(Parts(tuple(EMOTIONS), both, *others))
    return fit_and_predict(workspace, "a-voice", networks_a.VoiceNetwork(), whole, FitPlan(30, half=False))


def _b_mfcc(workspace: Workspace) -> Outcome:
    parts = [make_sound_part(clips, sound_features.mfcc_means) for clips in workspace.corpora.savee()]
    whole = normalize(Parts(tuple(EMOTIONS), *parts))
    return fit_and_predict(workspace, "b-mfcc", networks_b.MfccClassifier(), whole, FitPlan(60, 32))


def _b_pictures(workspace: Workspace) -> Parts:
    parts = [make_sound_part(clips, sound_features.mel_picture) for clips in workspace.corpora.savee()]
    return normalize(Parts(tuple(EMOTIONS), *parts), (0, 2, 3))


def _b_cnn(workspace: Workspace) -> Outcome:
    return fit_and_predict(workspace, "b-cnn", networks_b.VoiceCnn(), _b_pictures(workspace), FitPlan(6, 16, 1e-4))


def _b_cnn_lstm(workspace: Workspace) -> Outcome:
    plan = FitPlan(8, 16, 2e-3)
    return fit_and_predict(workspace, "b-cnn-lstm", networks_b.VoiceCnnLstm(), _b_pictures(workspace), plan)


def _six(clip: Clip) -> int:
    return networks_d.CREMA_D.index(networks_e.EIGHT[to_eight(clip)])


def _d_sound(workspace: Workspace) -> Outcome:
    training, validation, test = workspace.corpora.six()
    rng = np.random.default_rng(0)
    changes: tuple[Features, ...] = (
        lambda samples: sound_features.add_noise(samples, rng),
        lambda samples: sound_features.stretch(samples, float(rng.uniform(0.8, 1.25))),
        lambda samples: sound_features.shift_pitch(samples, float(rng.uniform(-3, 3))),
    )
    many = _augment_clips(training, sound_features.stacked_picture, changes, _six)
    others = [make_sound_part(clips, sound_features.stacked_picture, _six) for clips in (validation, test)]
    # Each row of the picture is normalized separately: it stacks shares, cepstra and logarithms.
    whole = normalize(Parts(networks_d.CREMA_D, many, *others), (0, 3))
    return fit_and_predict(workspace, "d-sound", networks_d.SoundCnn(), whole, FitPlan(10, 32))


def get_eight_labels(clips: list[Clip]) -> torch.Tensor:
    """RAVDESS's own emotion of each clip: (n,) int64."""
    return torch.tensor([to_eight(clip) for clip in clips])


def _patch_part(clips: list[Clip]) -> tuple[Part, torch.Tensor]:
    """Every patch of 0.96 s as a row, and (k,) the clip of each."""
    cut = [sound_features.patches(clip.real) for clip in clips]
    clip_index = torch.from_numpy(np.repeat(np.arange(len(clips)), [len(patches) for patches in cut]))
    labels = get_eight_labels(clips)[clip_index]
    names = (a[clip_index.numpy()] for a in get_ids(clips))
    return Part((torch.from_numpy(np.concatenate(cut)),), labels, *names), clip_index


def _mean_over_clips(rows: torch.Tensor, clip_index: torch.Tensor) -> torch.Tensor:
    """(k, d) of patches -> (n, d) of clips."""
    sums = torch.zeros(int(clip_index.max()) + 1, rows.shape[1]).index_add(0, clip_index, rows)
    return sums / torch.bincount(clip_index)[:, None]


def _e_embedding(workspace: Workspace) -> Outcome:
    if workspace.vggish is not None:
        raise MediaError(f"e-embedding: not trained, because VGGish's own weights are given ({workspace.vggish})")
    training, validation, test = workspace.corpora.ravdess("both")
    if not (training and validation and test):
        raise MediaError("ravdess: no clip in a part of this protocol; take more rows")
    others = [_patch_part(clips) for clips in (validation, test)]
    parts = Parts(networks_e.EIGHT, _patch_part(training)[0], others[0][0], others[1][0])
    network, plan = networks_e.EmbeddingClassifier(), FitPlan(14, 64, 5e-4, patience=4)
    outcome = fit_and_predict(workspace, "e-embedding", network, parts, plan, returns_network=True)
    predictions: list[Predictions] = []
    for clips, (part, clip_index) in zip((validation, test), others, strict=True):
        logits = _mean_over_clips(predict_logits(network, part), clip_index).numpy()
        predictions.append(Predictions(networks_e.EIGHT, logits, get_eight_labels(clips).numpy(), *get_ids(clips)))
    return replace(outcome, validation=predictions[0], test=predictions[1])


def embed_clips(workspace: Workspace, split: tuple[list[Clip], ...]) -> list[Part]:
    """Each clip's embedding, at most 128 numbers: the mean over its patches, whitened as VGGish's are.

    The whitening (principal components of unit variance, cut at two deviations) is fitted on the first part.
    """
    from sklearn.decomposition import PCA

    if workspace.vggish is not None:
        network = networks_e.load_vggish(workspace.vggish)
    else:
        classifier = workspace.load_weights("e-embedding", networks_e.EmbeddingClassifier())
        assert isinstance(classifier, networks_e.EmbeddingClassifier)
        network = classifier.embed
    raw = [(predict_logits(network, part), clip_index) for part, clip_index in map(_patch_part, split)]
    whitening = PCA(n_components=0.999, svd_solver="full", whiten=True).fit(raw[0][0].numpy())
    parts = []
    for clips, (rows, clip_index) in zip(split, raw, strict=True):
        white = torch.from_numpy(whitening.transform(rows.numpy()).astype(np.float32)).clamp(-2, 2)
        labels = get_eight_labels(clips)
        parts.append(Part((_mean_over_clips(white, clip_index),), labels, *get_ids(clips)))
    return parts


def _e_mlp(workspace: Workspace, which: str) -> Outcome:
    parts = Parts(networks_e.EIGHT, *embed_clips(workspace, workspace.corpora.ravdess(which)))
    network = networks_e.Mlp(parts.training.inputs[0].shape[1], (256, 128))
    return fit_and_predict(workspace, f"e-vggish-mlp-{which}", network, parts, FitPlan(60, 64, patience=9))


def _e_classical(workspace: Workspace, which: str) -> Outcome:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    training, validation, test = embed_clips(workspace, workspace.corpora.ravdess(which))
    candidates = {
        "support vectors": SVC(C=10),
        "random forest": RandomForestClassifier(300, random_state=0),
        "logistic regression": LogisticRegression(max_iter=2000),
    }
    best: tuple[float, str, list[Predictions]] = (-1.0, "", [])
    for name, classifier in candidates.items():
        classifier.fit(training.inputs[0].numpy(), training.labels.numpy())
        predictions = [
            predict(torch.from_numpy(_scores(classifier, part.inputs[0].numpy())), part, networks_e.EIGHT)
            for part in (validation, test)
        ]
        right = accuracy(predictions[0].prediction, predictions[0].truth)
        if right > best[0]:
            best = right, name, predictions
    return Outcome(best[2][0], best[2][1], note=f"chosen by validation: {best[1]}")


def _scores(classifier: object, rows: Floats) -> Floats:
    """(n, 8): the classifier's score for each class, very low for a class that was not in training."""
    decide = getattr(classifier, "decision_function", None)
    decisions = decide(rows) if decide else np.log(classifier.predict_proba(rows) + 1e-6)  # type: ignore[attr-defined]
    classes = classifier.classes_  # type: ignore[attr-defined]
    if decisions.ndim == 1:  # two classes: one score, for the second of them
        decisions = np.stack([-decisions, decisions], axis=1)
    scores = np.full((len(rows), len(networks_e.EIGHT)), float(decisions.min()) - 10, np.float32)
    scores[:, classes] = decisions
    return scores


def _sequence(samples: Floats) -> Floats:
    return sound_features.mfcc_sequence(trim_silence(samples))


def make_lstm_parts(split: tuple[list[Clip], ...], changes: Sequence[Features] = ()) -> Parts:
    """The input of E's LSTM: (n, 150, 40), trimmed; each change adds a copy of the training clips."""
    training, validation, test = split
    both = _augment_clips(training, _sequence, changes, to_eight)
    others = [make_sound_part(clips, _sequence, to_eight) for clips in (validation, test)]
    return normalize(Parts(networks_e.EIGHT, both, *others), (0, 1))


def _e_lstm(workspace: Workspace, which: str) -> Outcome:
    noisy = partial(sound_features.add_noise, rng=np.random.default_rng(0))
    parts = make_lstm_parts(workspace.corpora.ravdess(which), [noisy])
    plan = FitPlan(40, 32, 2e-3, patience=12, half=False)
    return fit_and_predict(workspace, f"e-lstm-{which}", networks_e.FeatureLstm(), parts, plan)


_PRINTED = {"speech": ("48 %", "51 %", "66 %"), "song": ("49 %", "47 %", "67 %"), "both": ("62 %", "54 %", "75 %")}
_OUR_EMBEDDING = (
    "VGGish's weights are not available: a network of its shape with a quarter of its widths, trained on RAVDESS"
)
_LOG_MEL = "log-mel 96×431; fewer epochs than it needs"

VOICES = (
    Experiment(
        "b-mfcc", "B", "savee", "50.12 % (SAVEE + own clips)", "means and deviations of 40 MFCC into an MLP", _b_mfcc
    ),
    Experiment(
        "a-voice",
        "A",
        "tess",
        "80.1 %",
        "162 features per clip, noise added to a copy of each clip; 4 convolutions + LSTM",
        _a_voice,
    ),
    *(
        Experiment(
            f"e-lstm-{which}",
            "E",
            f"ravdess-{which}",
            _PRINTED[which][2],
            "LSTM of 128 on 40 MFCC every 32 ms, silence trimmed; noise added to a copy of each clip",
            partial(_e_lstm, which=which),
        )
        for which in ("speech", "song", "both")
    ),
    Experiment("e-embedding", "E", "ravdess-both", "–", f"{_OUR_EMBEDDING}: its own softmax", _e_embedding),
    *(
        Experiment(
            f"e-vggish-mlp-{which}",
            "E",
            f"ravdess-{which}",
            _PRINTED[which][0],
            f"mean of whitened embeddings into an MLP. {_OUR_EMBEDDING}",
            partial(_e_mlp, which=which),
        )
        for which in ("speech", "song", "both")
    ),
    *(
        Experiment(
            f"e-vggish-classical-{which}",
            "E",
            f"ravdess-{which}",
            _PRINTED[which][1],
            "the same embeddings; support vectors, random forest or logistic regression",
            partial(_e_classical, which=which),
        )
        for which in ("speech", "song", "both")
    ),
    Experiment(
        "d-sound",
        "D",
        "ravdess-six",
        "64 % (CREMA-D)",
        "without CREMA-D: six emotions of RAVDESS speech; four copies of each training clip (D: eight)",
        _d_sound,
    ),
    Experiment("b-cnn", "B", "savee", "72.46 % (SAVEE + own clips)", _LOG_MEL, _b_cnn),
    Experiment("b-cnn-lstm", "B", "savee", "60.19 % (74.49 % with its own clips)", _LOG_MEL, _b_cnn_lstm),
)
