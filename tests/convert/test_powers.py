"""How two voice networks are mixed: for voices like those they learnt from, and for new ones."""

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from convert.card import write_pair
from convert.predictions import Predictions
from convert.voices.pairing import pair_up
from convert.voices.powers import Powers, Voices, fitted, mixed_for, modest_for, pair_powers
from device.emotions import EMOTIONS
from device.errors import MediaError
from device.sense.model import MODELS, Model

SEVEN = tuple(e.value for e in EMOTIONS)
AS_THEY_ARE = Powers(1.0, 1.0)


def _said(truth: np.ndarray, clear: float, seed: int) -> np.ndarray:
    """Log-probabilities (n, 7) of a network that hears the truth so clearly."""
    logits = clear * np.eye(7)[truth] + np.random.default_rng(seed).normal(0, 1, (len(truth), 7))
    return np.asarray(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True), np.float32)


def _voices(picture: float, prosody: float, seed: int, count: int = 700) -> Voices:
    truth = np.arange(count) % 7
    return Voices(_said(truth, picture, seed), _said(truth, prosody, seed + 1), truth)


def test_who_tells_more_weighs_more_and_new_voices_have_a_say_in_it() -> None:
    learnt, new = _voices(2.0, 0.7, 1), [_voices(0.3, 1.5, seed) for seed in (3, 5)]
    own = fitted(learnt)
    assert own.picture > 2 * own.prosody
    mixed = mixed_for(learnt, new)
    assert mixed.picture / mixed.prosody < 0.7 * own.picture / own.prosody
    new_alone = fitted(new[0])
    assert mixed.picture / mixed.prosody > new_alone.picture / new_alone.prosody
    alone = mixed_for(learnt, [])
    assert alone.picture / alone.prosody == pytest.approx(own.picture / own.prosody, rel=0.2)


def test_how_sure_the_two_are_is_fitted_on_the_voices_that_they_learnt_from() -> None:
    learnt, new = _voices(0.8, 0.8, 1), [_voices(0.2, 0.2, seed) for seed in (3, 5, 7)]
    mixed = mixed_for(learnt, new)
    others = [Powers(mixed.picture * k, mixed.prosody * k) for k in (0.8, 1.2)]
    assert all(learnt.loss(mixed) < learnt.loss(other) for other in others)


def test_of_strangers_the_two_are_as_sure_as_suits_learnt_and_new_voices_alike() -> None:
    learnt, new = _voices(1.5, 1.5, 1), [_voices(0.3, 0.3, seed) for seed in (3, 5, 7)]
    modest, sure, least = modest_for(learnt, new), fitted(learnt), fitted(new[0])
    assert least.picture + least.prosody < modest.picture + modest.prosody < sure.picture + sure.prosody
    assert learnt.loss(sure) < learnt.loss(modest)
    assert all(voices.loss(modest) < voices.loss(sure) for voices in new)
    # As many of the new ones as there are, they have one say.
    assert modest_for(learnt, new[:1]).picture == pytest.approx(modest.picture, abs=0.2)
    assert modest_for(learnt, []) == sure


def test_the_committed_pair_has_the_powers_that_the_kept_answers_give(tmp_path: Path) -> None:
    for name in ("voice", "prosody"):
        for suffix in (".json", ".tflite"):
            shutil.copy(MODELS / f"{name}{suffix}", tmp_path)
        card = Model(name, tmp_path).card
        changed = msgspec.structs.replace(card, power=1.0, power_known=None, resting=())
        write_pair(tmp_path, (tmp_path / f"{name}.tflite").read_bytes(), changed)
    found = pair_up(tmp_path, Path(__file__).parents[2] / "docs" / "answers")
    assert set(found) == {"strangers", "heard before"}
    assert sum(found["strangers"]) < sum(found["heard before"]), "more modest of those whom nobody has heard"
    for name in ("voice.json", "prosody.json"):
        assert (tmp_path / name).read_text() == (MODELS / name).read_text()


def test_a_large_corpus_counts_as_one() -> None:
    learnt = _voices(2.0, 0.7, 1)
    small, large = (mixed_for(learnt, [_voices(0.3, 1.5, 3, count)]) for count in (350, 7000))
    assert small.picture / small.prosody == pytest.approx(large.picture / large.prosody, rel=0.25)


def _keep(folder: Path, name: str, said: np.ndarray, truth: np.ndarray) -> None:
    names, nobody = np.array([str(i) for i in range(len(truth))]), np.full(len(truth), "x F")
    Predictions(SEVEN, said, truth, names, nobody, np.full(len(truth), "one")).save(folder / f"{name}.npz")


def test_a_pair_s_powers_are_fitted_without_the_corpus_that_is_asked_about(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="voice-validation"):
        pair_powers(tmp_path, AS_THEY_ARE, known=True)
    kinds = {"validation": _voices(2.0, 0.7, 1), "without-tess-tess": _voices(0.3, 1.5, 3)}
    for name, voices in kinds.items():
        _keep(tmp_path, f"voice-{name}", voices.picture, voices.truth)
        _keep(tmp_path, f"prosody-{name}", voices.prosody, voices.truth)
        # Of strangers prosody tells nothing.
        _keep(tmp_path, f"prosody-{name}-stranger", _said(voices.truth, 0.0, 9), voices.truth)
    known = pair_powers(tmp_path, AS_THEY_ARE, known=True)
    without = pair_powers(tmp_path, AS_THEY_ARE, known=True, without="tess")
    strangers = pair_powers(tmp_path, AS_THEY_ARE, known=False)
    assert known.picture / known.prosody < without.picture / without.prosody
    assert strangers.picture / strangers.prosody > without.picture / without.prosody
    # A network that is twice as sure by its card weighs half.
    sharp = pair_powers(tmp_path, Powers(0.5, 1.0), known=True)
    assert sharp.picture / sharp.prosody == pytest.approx(0.5 * known.picture / known.prosody, rel=0.4)
