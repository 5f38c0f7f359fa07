"""How two voice networks are combined, for voices like those in training and for new ones."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from convert.evaluation.predictions import SAVED_PREDICTIONS, Predictions
from convert.export.card import write_pair
from convert.voice.ensemble_weights import Exponents, NearFar, Voices, fit_exponents, fit_near_far, fit_pair, pair_up
from convert.voice.novelty import Distances, load_distances, measure_distances
from device.emotions import EMOTIONS
from device.errors import MediaError, ModelError
from device.perception.models.card import MODELS, Card
from device.perception.models.model import Model

SEVEN = tuple(e.value for e in EMOTIONS)
AS_THEY_ARE = Exponents(1.0, 1.0)
DATA = Path(__file__).parents[3] / "shared" / "data"


def _said(truth: np.ndarray, clear: float, seed: int) -> np.ndarray:
    """Log-probabilities (n, 7) of a network with this much information about the truth."""
    logits = clear * np.eye(7)[truth] + np.random.default_rng(seed).normal(0, 1, (len(truth), 7))
    return np.asarray(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True), np.float32)


def _voices(picture: float, prosody: float, seed: int, count: int = 700, away: float = 1.0) -> Voices:
    """Clips at about the distance `away`."""
    truth = np.arange(count) % 7
    distance = np.random.default_rng(seed + 2).normal(away, 0.03, count).astype(np.float32)
    return Voices(_said(truth, picture, seed), _said(truth, prosody, seed + 1), truth, distance)


def _mixed(in_training: Voices, new: Sequence[Voices]) -> NearFar:
    """The exponents for new speakers when known ones have the same predictions."""
    found = fit_near_far([in_training, *new], [in_training, *new])
    assert found.new == found.known
    return found.new


def test_each_networks_exponent_matches_its_information_near_and_far() -> None:
    in_training, new = _voices(1.3, 0.4, 1), [_voices(0.3, 1.3, seed, away=1.5) for seed in (3, 5)]
    near, far = _mixed(in_training, new)
    own, others = fit_exponents(in_training), fit_exponents(new[0])
    assert (near.picture, near.prosody) == pytest.approx(tuple(own), abs=0.15)
    assert (far.picture, far.prosody) == pytest.approx(tuple(others), abs=0.15)
    assert near.picture > 2 * near.prosody
    assert far.prosody > 2 * far.picture


def test_far_clips_get_low_confidence_and_near_clips_what_the_data_supports() -> None:
    in_training, new = _voices(1.5, 1.5, 1), [_voices(0.3, 0.3, seed, away=1.4) for seed in (3, 5, 7)]
    near, far = _mixed(in_training, new)
    assert sum(far) < 0.6 * sum(near)
    found = fit_near_far([in_training, *new], [in_training, *new])
    assert 1.0 < found.half_at < 1.4, "where the one kind ends and the other begins"
    # Without a difference in distance, both kinds share one pair of exponents.
    muddled, _ = _mixed(in_training, [_voices(0.3, 0.3, seed) for seed in (3, 5, 7)])
    assert sum(far) < sum(muddled) < sum(near)


def test_known_and_new_speakers_have_their_own_exponents_and_share_the_distance() -> None:
    in_training, known = _voices(1.5, 0.2, 1), _voices(1.5, 1.5, 1)
    new, new_known = _voices(0.5, 0.2, 3, away=1.4), _voices(0.5, 1.5, 3, away=1.4)
    found = fit_near_far([in_training, new], [known, new_known])
    assert found.known.near.prosody > 2 * found.new.near.prosody
    assert found.known.far.prosody > 2 * found.new.far.prosody


def test_the_committed_pair_has_the_exponents_of_the_saved_predictions(tmp_path: Path) -> None:
    for name in ("voice", "prosody"):
        for suffix in (".json", ".tflite"):
            shutil.copy(MODELS / f"{name}{suffix}", tmp_path)
        card = Model(name, tmp_path).card
        changed = msgspec.structs.replace(
            card, power=1.0, power_adapted=None, power_far=None, power_adapted_far=None, neutral_prior=()
        )
        write_pair(tmp_path, (tmp_path / f"{name}.tflite").read_bytes(), changed)
    found = pair_up(tmp_path, SAVED_PREDICTIONS)
    for kind in (found.new, found.known):
        assert sum(kind.far) < sum(kind.near), "more modest of what is unlike all that was learnt from"
    for name in ("voice", "prosody"):
        committed, fitted_anew = (_told(Model(name, folder).card) for folder in (MODELS, tmp_path))
        # The format is that of the Mien which wrote the card.
        fitted_anew["format"] = committed["format"]
        # Within the differences between processors.
        fits = {key for key in committed if "power" in key or key in ("half_at", "neutral_prior")}
        assert fitted_anew == {k: pytest.approx(v, abs=0.011) if k in fits else v for k, v in committed.items()}


def _told(card: Card) -> dict[str, object]:
    in_training = msgspec.structs.asdict(card.training) if card.training else {}
    return msgspec.structs.asdict(card) | {"training": None} | in_training


def test_a_pair_whose_distances_were_not_measured_is_not_fitted(tmp_path: Path) -> None:
    for name in ("voice", "prosody"):
        for suffix in (".json", ".tflite"):
            shutil.copy(MODELS / f"{name}{suffix}", tmp_path)
    card = msgspec.structs.replace(Model("prosody", tmp_path).card, training=None)
    write_pair(tmp_path, (tmp_path / "prosody.tflite").read_bytes(), card)
    with pytest.raises(ModelError, match=r"prosody.json: .* python -m convert distances"):
        pair_up(tmp_path, SAVED_PREDICTIONS)


@pytest.mark.data
@pytest.mark.timeout(300)
@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here: the speech corpora are needed")
def test_the_committed_distances_are_those_of_the_corpora(tmp_path: Path) -> None:
    for path in MODELS.glob("prosody.*"):
        shutil.copy(path, tmp_path)
    before = Model("prosody", tmp_path).card.training
    reported = measure_distances(DATA, tmp_path, tmp_path / "answers")
    written = sorted((tmp_path / "answers").iterdir())
    assert sorted(line.split(":")[0] for line in reported) == [str(path) for path in written]
    after = Model("prosody", tmp_path).card.training
    assert before is not None
    assert after is not None
    assert after.mean == pytest.approx(before.mean, abs=0.01)
    medians = {}
    for path in written:
        found, committed = (load_distances(folder / path.name) for folder in (tmp_path / "answers", SAVED_PREDICTIONS))
        assert found.names.tolist() == committed.names.tolist()
        np.testing.assert_allclose(found.new, committed.new, atol=0.01)
        np.testing.assert_allclose(found.known, committed.known, atol=0.01)
        medians[path.stem] = float(np.median(found.new))
    own = medians.pop("distance-validation")
    assert min(medians.values()) > 1.2 * own, "who was left out is farther away than those who were not"


def test_a_large_corpus_counts_as_one() -> None:
    in_training, other = _voices(2.0, 0.7, 1), _voices(1.0, 0.3, 5, away=1.4)
    small, large = (_mixed(in_training, [_voices(0.3, 1.5, 3, count, 1.4), other]).far for count in (350, 7000))
    assert small.picture / small.prosody == pytest.approx(large.picture / large.prosody, rel=0.25)


def _keep(
    folder: Path, kind: str, voices: Voices, new_logits: np.ndarray, *, speaker: str = "x F", corpus: str = "one"
) -> None:
    names, nobody = np.array([str(i) for i in range(len(voices.truth))]), np.full(len(voices.truth), speaker)
    corpora = np.full(len(voices.truth), corpus)
    answers = {
        f"voice-{kind}": voices.picture,
        f"prosody-{kind}": voices.prosody,
        f"prosody-{kind}-stranger": new_logits,
    }
    for name, combined in answers.items():
        Predictions(SEVEN, combined, voices.truth, names, nobody, corpora).save(folder / f"{name}.npz")
    Distances(voices.distance, voices.distance, names, corpora).save(folder / f"distance-{kind}.npz")


def test_a_pairs_exponents_are_fitted_without_the_tested_corpus(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="voice-validation"):
        fit_pair(tmp_path, AS_THEY_ARE)
    kinds = {"validation": _voices(2.0, 0.7, 1), "without-tess-tess": _voices(0.3, 1.5, 3)}
    for kind, voices in kinds.items():
        # Prosody has no information about new speakers.
        _keep(tmp_path, kind, voices, _said(voices.truth, 0.0, 9))
    new_logits, (known, _), _ = fit_pair(tmp_path, AS_THEY_ARE)
    without = fit_pair(tmp_path, AS_THEY_ARE, without="tess").known.near
    assert known.picture / known.prosody < without.picture / without.prosody
    assert new_logits.near.picture / new_logits.near.prosody > without.picture / without.prosody
    # A network with twice the confidence by its card gets half the exponent.
    sharp = fit_pair(tmp_path, Exponents(0.5, 1.0)).known.near
    assert sharp.picture / sharp.prosody == pytest.approx(0.5 * known.picture / known.prosody, rel=0.4)
    (tmp_path / "distance-without-tess-tess.npz").unlink()
    with pytest.raises(MediaError, match=r"distance-without-tess-tess.npz: .* python -m convert distances"):
        fit_pair(tmp_path, AS_THEY_ARE)


@pytest.mark.parametrize(
    ("speaker", "corpus", "without"),
    [("SAVEE_KL M", "savee", ""), ("RAV21 M", "ravdess_song", "tess"), ("RAV03 M", "ravdess_speech", "ravdess")],
    ids=["who tests the shipped pair", "the same in song", "the corpus that the pair is to be new to"],
)
def test_exponents_are_never_fitted_on_test_speakers(tmp_path: Path, speaker: str, corpus: str, without: str) -> None:
    in_training, others = _voices(2.0, 0.7, 1), _voices(0.3, 1.5, 3)
    _keep(tmp_path, "validation", in_training, in_training.prosody)
    alone = fit_pair(tmp_path, AS_THEY_ARE, without=without)
    both = Voices(
        np.concatenate([in_training.picture, others.picture]),
        np.concatenate([in_training.prosody, others.prosody]),
        np.concatenate([in_training.truth, others.truth]),
        np.concatenate([in_training.distance, others.distance]),
    )
    _keep(tmp_path, "validation", both, both.prosody)
    assert fit_pair(tmp_path, AS_THEY_ARE, without=without) != alone
    mine = len(in_training.truth)
    for path in tmp_path.glob("*-validation*.npz"):
        stored = dict(np.load(path))
        stored["corpora"] = np.array(["one"] * mine + [corpus] * len(others.truth))
        if "groups" in stored:
            stored["groups"] = np.array(["x F"] * mine + [speaker] * len(others.truth))
        np.savez(path, **stored)
    assert fit_pair(tmp_path, AS_THEY_ARE, without=without) == alone
