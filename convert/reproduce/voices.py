"""The seeds' sound recipes: A on TESS, B on SAVEE, D on six emotions of RAVDESS speech, E on RAVDESS."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch

from convert.datasets.clips import Clip
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
    """The clips as they are, then all of them once more for each change: for training, which alone is changed."""
    copies = [make_sound_part(clips, features, label)]
    copies += [make_sound_part(clips, partial(_apply, features, change), label) for change in changes]
    first, many = copies[0], len(copies)
    return Part(
        (torch.cat([copy.inputs[0] for copy in copies]),),
        torch.cat([copy.labels for copy in copies]),
        *(np.concatenate([a] * many) for a in (first.names, first.groups, first.corpora)),
    )


def _apply(features: Features, change: Features, samples: Floats) -> Floats:
    return features(change(samples))


def _a_voice(bench: Workspace) -> Outcome:
    training, validation, test = bench.corpora.tess()
    noisy = partial(sound_features.add_noise, rng=np.random.default_rng(0))
    both = _augment_clips(training, sound_features.table_row, [noisy])
    held = [make_sound_part(clips, sound_features.table_row) for clips in (validation, test)]
    whole = normalize(Parts(tuple(EMOTIONS), both, *held))
    return fit_and_predict(bench, "a-voice", networks_a.VoiceNetwork(), whole, FitPlan(30, half=False))


def _b_mfcc(bench: Workspace) -> Outcome:
    parts = [make_sound_part(clips, sound_features.mfcc_means) for clips in bench.corpora.savee()]
    whole = normalize(Parts(tuple(EMOTIONS), *parts))
    return fit_and_predict(bench, "b-mfcc", networks_b.MfccClassifier(), whole, FitPlan(60, 32))


def _b_pictures(bench: Workspace) -> Parts:
    parts = [make_sound_part(clips, sound_features.mel_picture) for clips in bench.corpora.savee()]
    return normalize(Parts(tuple(EMOTIONS), *parts), (0, 2, 3))


def _b_cnn(bench: Workspace) -> Outcome:
    return fit_and_predict(bench, "b-cnn", networks_b.VoiceCnn(), _b_pictures(bench), FitPlan(6, 16, 1e-4))


def _b_cnn_lstm(bench: Workspace) -> Outcome:
    return fit_and_predict(bench, "b-cnn-lstm", networks_b.VoiceCnnLstm(), _b_pictures(bench), FitPlan(8, 16, 2e-3))


def _six(clip: Clip) -> int:
    return networks_d.CREMA_D.index(networks_e.EIGHT[to_eight(clip)])


def _d_sound(bench: Workspace) -> Outcome:
    training, validation, test = bench.corpora.six()
    rng = np.random.default_rng(0)
    changes: tuple[Features, ...] = (
        lambda samples: sound_features.add_noise(samples, rng),
        lambda samples: sound_features.stretch(samples, float(rng.uniform(0.8, 1.25))),
        lambda samples: sound_features.shift_pitch(samples, float(rng.uniform(-3, 3))),
    )
    many = _augment_clips(training, sound_features.stacked_picture, changes, _six)
    held = [make_sound_part(clips, sound_features.stacked_picture, _six) for clips in (validation, test)]
    # Each row of the picture has a scale of its own: shares, cepstra and logarithms stand under each other.
    whole = normalize(Parts(networks_d.CREMA_D, many, *held), (0, 3))
    return fit_and_predict(bench, "d-sound", networks_d.SoundCnn(), whole, FitPlan(10, 32))


def get_eight_labels(clips: list[Clip]) -> torch.Tensor:
    """RAVDESS's own emotion of each clip: (n,) int64."""
    return torch.tensor([to_eight(clip) for clip in clips])


def _patch_part(clips: list[Clip]) -> tuple[Part, torch.Tensor]:
    """Every patch of 0.96 s as a row of its own, and (k,) the clip that each is of."""
    cut = [sound_features.patches(clip.real) for clip in clips]
    of = torch.from_numpy(np.repeat(np.arange(len(clips)), [len(patches) for patches in cut]))
    labels = get_eight_labels(clips)[of]
    names = (a[of.numpy()] for a in get_ids(clips))
    return Part((torch.from_numpy(np.concatenate(cut)),), labels, *names), of


def _mean_over_clips(rows: torch.Tensor, of: torch.Tensor) -> torch.Tensor:
    """(k, d) of patches -> (n, d) of clips."""
    sums = torch.zeros(int(of.max()) + 1, rows.shape[1]).index_add(0, of, rows)
    return sums / torch.bincount(of)[:, None]


def _e_embedding(bench: Workspace) -> Outcome:
    if bench.vggish is not None:
        raise MediaError(f"e-embedding: not trained, since VGGish's own weights are given ({bench.vggish})")
    training, validation, test = bench.corpora.ravdess("both")
    if not (training and validation and test):
        raise MediaError("ravdess: no clip in a part of this protocol; take more rows")
    held = [_patch_part(clips) for clips in (validation, test)]
    parts = Parts(networks_e.EIGHT, _patch_part(training)[0], held[0][0], held[1][0])
    outcome = fit_and_predict(
        bench, "e-embedding", networks_e.EmbeddingClassifier(), parts, FitPlan(14, 64, 5e-4, patience=4), keep=True
    )
    assert outcome.network is not None
    read: list[Predictions] = []
    for clips, (part, of) in zip((validation, test), held, strict=True):
        said = _mean_over_clips(predict_logits(outcome.network, part), of).numpy()
        truth = np.array([to_eight(clip) for clip in clips])
        read.append(Predictions(networks_e.EIGHT, said, truth, *get_ids(clips)))
    return Outcome(read[0], read[1], outcome.parameters, outcome.log, network=outcome.network)


def embed_clips(bench: Workspace, thirds: tuple[list[Clip], ...]) -> list[Part]:
    """Each clip's 128 numbers or fewer: the mean of its patches' embeddings, whitened as VGGish's are.

    The whitening (principal components of unit variance, cut at two deviations) is measured on the first part.
    """
    from sklearn.decomposition import PCA

    if bench.vggish is not None:
        network = networks_e.load_vggish(bench.vggish)
    else:
        classifier = bench.weights("e-embedding", networks_e.EmbeddingClassifier())
        assert isinstance(classifier, networks_e.EmbeddingClassifier)
        network = classifier.embed
    raw = []
    for clips in thirds:
        part, of = _patch_part(clips)
        raw.append((predict_logits(network, part), of))
    whitening = PCA(n_components=0.999, svd_solver="full", whiten=True).fit(raw[0][0].numpy())
    parts = []
    for clips, (rows, of) in zip(thirds, raw, strict=True):
        white = torch.from_numpy(whitening.transform(rows.numpy()).astype(np.float32)).clamp(-2, 2)
        labels = get_eight_labels(clips)
        parts.append(Part((_mean_over_clips(white, of),), labels, *get_ids(clips)))
    return parts


def _e_mlp(bench: Workspace, which: str) -> Outcome:
    parts = Parts(networks_e.EIGHT, *embed_clips(bench, bench.corpora.ravdess(which)))
    network = networks_e.Mlp(parts.training.inputs[0].shape[1], (256, 128))
    return fit_and_predict(bench, f"e-vggish-mlp-{which}", network, parts, FitPlan(60, 64, patience=9))


def _e_classical(bench: Workspace, which: str) -> Outcome:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    training, validation, test = embed_clips(bench, bench.corpora.ravdess(which))
    candidates = {
        "support vectors": SVC(C=10),
        "random forest": RandomForestClassifier(300, random_state=0),
        "logistic regression": LogisticRegression(max_iter=2000),
    }
    best: tuple[float, str, list[Predictions]] = (-1.0, "", [])
    for name, classifier in candidates.items():
        classifier.fit(training.inputs[0].numpy(), training.labels.numpy())
        said = [_scores(classifier, part.inputs[0].numpy()) for part in (validation, test)]
        read = [
            predict(torch.from_numpy(s), part, networks_e.EIGHT)
            for s, part in zip(said, (validation, test), strict=True)
        ]
        right = float((read[0].prediction == read[0].truth).mean())
        if right > best[0]:
            best = right, name, read
    return Outcome(best[2][0], best[2][1], said=f"chosen by validation: {best[1]}")


def _scores(classifier: object, rows: Floats) -> Floats:
    """(n, 8): the classifier's decision for each class, very low where its training had none of the class."""
    decide = getattr(classifier, "decision_function", None)
    said = decide(rows) if decide else np.log(classifier.predict_proba(rows) + 1e-6)  # type: ignore[attr-defined]
    classes = classifier.classes_  # type: ignore[attr-defined]
    if said.ndim == 1:  # two classes: one decision, for the second of them
        said = np.stack([-said, said], axis=1)
    scores = np.full((len(rows), len(networks_e.EIGHT)), float(said.min()) - 10, np.float32)
    scores[:, classes] = said
    return scores


def _sequence(samples: Floats) -> Floats:
    return sound_features.mfcc_sequence(trim_silence(samples))


def make_lstm_parts(thirds: tuple[list[Clip], ...], changes: Sequence[Features] = ()) -> Parts:
    """What E's LSTM hears: (n, 150, 40), the quiet at the ends cut off, each change on another copy of training."""
    training, validation, test = thirds
    both = _augment_clips(training, _sequence, changes, to_eight)
    held = [make_sound_part(clips, _sequence, to_eight) for clips in (validation, test)]
    return normalize(Parts(networks_e.EIGHT, both, *held), (0, 1))


def _e_lstm(bench: Workspace, which: str) -> Outcome:
    noisy = partial(sound_features.add_noise, rng=np.random.default_rng(0))
    parts = make_lstm_parts(bench.corpora.ravdess(which), [noisy])
    plan = FitPlan(40, 32, 2e-3, patience=12, half=False)
    return fit_and_predict(bench, f"e-lstm-{which}", networks_e.FeatureLstm(), parts, plan)


_PRINTED = {"speech": ("48 %", "51 %", "66 %"), "song": ("49 %", "47 %", "67 %"), "both": ("62 %", "54 %", "75 %")}
_OUR_EMBEDDING = "VGGish's weights cannot be had: a network of its shape, every layer a quarter as wide, learnt RAVDESS"

VOICES = (
    Experiment(
        "b-mfcc", "B", "savee", "50.12 % (SAVEE + own clips)", "means and deviations of 40 MFCC into an MLP", _b_mfcc
    ),
    Experiment(
        *("a-voice", "A", "tess", "80.1 %"),
        "162 features a clip, noise added to a copy of each; 4 convolutions + LSTM",
        _a_voice,
    ),
    *(
        Experiment(
            *(f"e-lstm-{which}", "E", f"ravdess-{which}", _PRINTED[which][2]),
            "LSTM of 128 on 40 MFCC each 32 ms, its ends trimmed; noise added to a copy of each",
            partial(_e_lstm, which=which),
        )
        for which in ("speech", "song", "both")
    ),
    Experiment("e-embedding", "E", "ravdess-both", "–", f"{_OUR_EMBEDDING}: what its own softmax reads", _e_embedding),
    *(
        Experiment(
            *(f"e-vggish-mlp-{which}", "E", f"ravdess-{which}", _PRINTED[which][0]),
            f"mean of whitened embeddings into an MLP. {_OUR_EMBEDDING}",
            partial(_e_mlp, which=which),
        )
        for which in ("speech", "song", "both")
    ),
    *(
        Experiment(
            *(f"e-vggish-classical-{which}", "E", f"ravdess-{which}", _PRINTED[which][1]),
            "the same embeddings; support vectors, random forest or logistic regression",
            partial(_e_classical, which=which),
        )
        for which in ("speech", "song", "both")
    ),
    Experiment(
        *("d-sound", "D", "ravdess-six", "64 % (CREMA-D)"),
        "CREMA-D is not here: six emotions of RAVDESS speech; four of each training clip (D: eight)",
        _d_sound,
    ),
    Experiment(
        *("b-cnn", "B", "savee", "72.46 % (SAVEE + own clips)"), "log-mel 96×431; fewer epochs than it wants", _b_cnn
    ),
    Experiment(
        *("b-cnn-lstm", "B", "savee", "60.19 % (74.49 % with its own clips)"),
        "log-mel 96×431; fewer epochs than it wants",
        _b_cnn_lstm,
    ),
)
