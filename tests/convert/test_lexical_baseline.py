"""Words predict an emotion only when it has its own sentences."""

from pathlib import Path

import numpy as np
import pytest

from convert.datasets.speech.clips import Clip
from convert.evaluation.predictions import load_predictions
from convert.voice.protocols import SEVEN, WORD_RUNS, VoiceRun

pytestmark = pytest.mark.convert
pytest.importorskip("dtaidistance", reason="the training environment: make test-convert")

RATE_HZ = 16000
VOWELS_HZ = ((730, 1090), (270, 2290), (300, 870), (530, 1840), (570, 840), (440, 1020))
MEN = {"SAVEE_DC": 105.0, "SAVEE_JE": 120.0, "SAVEE_JK": 95.0, "SAVEE_KL": 135.0}


def _said(sentence: int, pitch_hz: float, pace: float, rng: np.random.Generator) -> np.ndarray:
    """(samples,) int16: eight vowels in the sentence's order, with this pitch and pace."""
    order = np.random.default_rng(sentence).integers(len(VOWELS_HZ), size=8)
    parts = []
    for vowel in order.tolist():
        t = np.arange(int(RATE_HZ * 0.15 * pace * rng.uniform(0.8, 1.2))) / RATE_HZ
        harmonics = pitch_hz * np.arange(1, 30)
        near = np.exp(-(((harmonics - np.array(VOWELS_HZ[vowel])[:, None]) / 150) ** 2)).sum(axis=0)
        parts.append((np.sin(2 * np.pi * harmonics[:, None] * t) * (near + 0.01)[:, None]).sum(axis=0))
    sound = np.concatenate(parts)
    return np.asarray(3000 * (sound + 0.02 * rng.normal(size=len(sound))), np.int16)


def _clips(emotion_of: "dict[str, list[int]]") -> list[Clip]:
    """Each man says fourteen sentences, each in the emotion of his list; higher and faster in some."""
    rng = np.random.default_rng(1)
    return [
        Clip(
            name=f"{man}_{sentence}",
            corpus="savee",
            speaker=man,
            sex="M",
            emotion=emotions[sentence],
            samples=_said(sentence, pitch * (1 + 0.05 * emotions[sentence]), 1 - 0.04 * emotions[sentence], rng),
        )
        for man, pitch in MEN.items()
        for emotions in [emotion_of[man]]
        for sentence in range(14)
    ]


def _accuracy(run: VoiceRun, clips: list[Clip]) -> float:
    from convert.voice.lexical_baseline import predict_words

    output = predict_words(run, clips)
    np.testing.assert_allclose(np.exp(output.logits).sum(axis=1), 1, atol=1e-4)
    assert output.groups.tolist() == ["SAVEE_KL M"] * 14
    return float(np.mean(output.prediction == output.truth))


def test_words_predict_the_emotion_only_where_it_has_its_own_sentences() -> None:
    run = WORD_RUNS["words-savee-KL"]
    assert _accuracy(run, _clips({man: [s % 7 for s in range(14)] for man in MEN})) > 0.9
    # The same voices with the same pitch and pace, but each man has another emotion for a sentence.
    others = {man: [(s * (i + 1) + i) % 7 for s in range(14)] for i, man in enumerate(MEN)}
    assert _accuracy(run, _clips(others)) < 0.5


def test_an_emotion_missing_in_training_is_not_impossible() -> None:
    from convert.voice.lexical_baseline import predict_words

    output = predict_words(WORD_RUNS["words-savee-KL"], _clips({man: [s % 3 for s in range(14)] for man in MEN}))
    assert np.isfinite(output.logits).all()
    assert (output.logits[:, 3:] < -15).all()


def test_the_predictions_are_saved_beside_the_networks(corpora: Path, tmp_path: Path) -> None:
    from convert.voice.benchmark import benchmark

    (path,) = benchmark("words-savee-DC", corpora, tmp_path, tmp_path / "answers")
    assert path == tmp_path / "answers" / "words-savee-DC-savee.npz"
    output = load_predictions(path)
    assert output.classes == SEVEN
    assert {group.split()[0] for group in output.groups.tolist()} == {"SAVEE_DC"}
