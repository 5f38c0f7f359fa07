"""No test speaker is in training: the protocols on the four corpora's real speakers, clip by clip."""

import numpy as np
import pytest

from convert.datasets.speech.clips import TEST, VALIDATION, Clip
from convert.voice.protocols import OWN_CLASSES, PROSODY_RUNS, RUNS, SHIPPED_CLASSES, split_share
from convert.voice.sampling import sampling_weights
from device.emotions import EMOTIONS, Emotion

SILENCE = np.zeros(16, np.int16)


def clip(name: str, corpus: str, speaker: str, own: str = "neutral") -> Clip:
    emotion = EMOTIONS.index(Emotion.NEUTRAL if own == "calm" else Emotion(own))
    return Clip(name, corpus, speaker, "F", emotion, SILENCE, own)


CLIPS = [
    *(
        clip(f"03-0{1 + song}-02-01-01-0{take}-{a:02d}", f"ravdess_{kind}", f"RAV{a:02d}", "calm")
        for song, kind in enumerate(("speech", "song"))
        for a in range(1, 25)
        for take in range(1, 9)
    ),
    *(clip(f"{s}_n{i:02d}", "savee", f"SAVEE_{s}") for s in ("DC", "JE", "JK", "KL") for i in range(1, 16)),
    *(clip(f"{s}_word{i}_sad", "tess", f"TESS_{s}", "sad") for s in ("OAF", "YAF") for i in range(200)),
]
FOLDS = [RUNS[f"voice-fold-{k}"] for k in range(1, 7)]


APART = [run for run in PROSODY_RUNS.values() if "random" not in run.name]


@pytest.mark.parametrize("run", [RUNS["voice"], *FOLDS, *APART], ids=lambda run: run.name)
def test_no_speaker_is_in_training_and_test(run: "object") -> None:
    training = {c.speaker for c in CLIPS if run.trains(c)}  # type: ignore[attr-defined]
    tested = {c.speaker for c in CLIPS if run.tests(c)}  # type: ignore[attr-defined]
    assert training
    assert tested
    assert not training & tested


def test_six_folds_test_each_actor_once_in_fours_and_each_man_and_woman_once() -> None:
    tested = [{c.speaker for c in CLIPS if run.tests(c)} for run in FOLDS]
    actors = [{s for s in fold if s.startswith("RAV")} for fold in tested]
    assert actors[0] == {"RAV01", "RAV02", "RAV03", "RAV04"}
    assert actors[5] == {"RAV21", "RAV22", "RAV23", "RAV24"}
    for prefix, people in (("RAV", 24), ("SAVEE", 4), ("TESS", 2)):
        everyone = [s for fold in tested for s in fold if s.startswith(prefix)]
        assert len(everyone) == len(set(everyone)) == people


def test_the_shipped_network_trains_on_neither_test_nor_validation() -> None:
    training = {c.speaker for c in CLIPS if RUNS["voice"].trains(c)}
    assert not training & (TEST | VALIDATION)


def test_a_random_split_has_60_and_20_percent_and_keeps_one_recording_together() -> None:
    run = RUNS["voice-random"]
    assert not [c for c in CLIPS if run.trains(c) and run.tests(c)]
    assert np.mean([run.trains(c) for c in CLIPS]) == pytest.approx(0.6, abs=0.05)
    assert np.mean([run.tests(c) for c in CLIPS]) == pytest.approx(0.2, abs=0.05)
    twice = [clip(f"03-01-03-01-02-0{take}-07", "ravdess_speech", "RAV07") for take in (1, 2)]
    assert split_share(twice[0]) == split_share(twice[1])


@pytest.mark.parametrize("corpus", ["ravdess", "tess", "savee"])
def test_across_corpora_the_tested_one_is_not_in_training(corpus: str) -> None:
    run = RUNS[f"voice-without-{corpus}"]
    training, tested = {c.corpus for c in CLIPS if run.trains(c)}, {c.corpus for c in CLIPS if run.tests(c)}
    assert all(name.startswith(corpus) for name in tested)
    assert not any(name.startswith(corpus) for name in training)
    assert len(training | tested) == 4


@pytest.mark.parametrize("corpus", ["ravdess", "tess", "savee"])
def test_distillation_for_new_corpora_uses_speech_alone_and_merges_calm_into_neutral(corpus: str) -> None:
    run, pictures = PROSODY_RUNS[f"prosody-taught-without-{corpus}"], RUNS[f"voice-without-{corpus}"]
    for c in CLIPS:
        spoken = c.corpus != "ravdess_song"
        assert run.trains(c) == (pictures.trains(c) and spoken)
        assert run.tests(c) == (pictures.tests(c) and spoken)
    assert run.classes[run.label(CLIPS[0])] == "neutral"
    assert len(run.classes) == 7


def test_calm_is_a_class_for_ravdess_and_neutral_on_the_device() -> None:
    calm = CLIPS[0]
    assert RUNS["voice-fold-1"].label(calm) == OWN_CLASSES.index("calm")
    assert SHIPPED_CLASSES[RUNS["voice"].label(calm)] == "neutral"
    assert OWN_CLASSES[RUNS["voice-fold-1"].label(CLIPS[-1])] == "sad"


def test_a_protocols_prosody_network_trains_on_its_own_corpus_alone() -> None:
    for run in PROSODY_RUNS.values():
        training, tested = ({c.corpus.split("_")[0] for c in CLIPS if part(c)} for part in (run.trains, run.tests))
        if "without" in run.name:
            assert not training & tested
        elif run.name != "prosody":
            assert training == tested
            assert len(training) == 1
    assert not [c for c in CLIPS for r in [PROSODY_RUNS["prosody-random-savee"]] if r.trains(c) and r.tests(c)]


def test_a_network_for_a_new_corpus_draws_equally_from_each_and_others_more_from_the_larger() -> None:
    for run in (RUNS["voice-without-savee"], PROSODY_RUNS["prosody-without-savee"], RUNS["voice-fold-1"]):
        clips = [c for c in CLIPS if run.trains(c)]
        labels = np.array([run.label(c) for c in clips])
        chances = sampling_weights(clips, labels, even=run.is_balanced)
        assert chances.sum() == pytest.approx(1)
        of_tess = chances[[c.corpus == "tess" for c in clips]].sum()
        assert (of_tess == pytest.approx(0.5)) == run.is_balanced
