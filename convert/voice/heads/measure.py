"""How well linear heads on the speech encoder read people they have never heard, and households they listen to.

    python -m convert.voice.heads.measure ../shared/data runs/cache runs/speech-encoder/speech-encoder.tflite

Each protocol's head trains on clean and degraded clips and is tested on clean ones.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from convert.voice.corpora import CORPORA, read_clips
from convert.voice.encoder.features import load_features
from convert.voice.heads.household_benchmark import LENGTHS, measure_households
from convert.voice.heads.protocols import ACROSS_CORPORA, FOLDS, ClipFeatures, HeadPredictions, Protocol, predict_tested
from device.emotions import EMOTIONS, softmax

_WRONG = [EMOTIONS.index(e) for e in EMOTIONS if e in ("angry", "sad", "fear", "disgust")]
_THRESHOLD = 0.4
"""`mood.min_confidence` as it was when the first network was measured."""


def share_of_false_moods(predictions: HeadPredictions) -> float:
    """Per cent of ordinary speech read as angry, sad, afraid or disgusted at the threshold."""
    shares = softmax(predictions.orders)
    is_wrong = (shares.max(axis=1) >= _THRESHOLD) & np.isin(shares.argmax(axis=1), _WRONG)
    return 100 * float(is_wrong.mean())


def describe(protocol: Protocol, predictions: HeadPredictions) -> str:
    """One line of figures in per cent: as strangers / heard before."""
    uar, ece = predictions.uar, predictions.ece
    return (
        f"{protocol.name}: UAR {uar[0]:.1f} / {uar[1]:.1f}, ECE {ece[0]:.1f} / {ece[1]:.1f}, "
        f"ordinary speech misread {share_of_false_moods(predictions):.1f}"
    )


def main(words: Sequence[str] | None = None) -> None:
    """Parse the arguments and print a line for each protocol and each household benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("encoder", type=Path, help="the int8 network")
    arguments = parser.parse_args(words)
    clips = [clip for corpus in CORPORA for clip in read_clips(arguments.data, corpus, arguments.cache)]
    views = [
        load_features(arguments.data, arguments.cache, arguments.encoder, degraded=degraded)
        for degraded in (False, True)
    ]
    features = ClipFeatures(clips, views)
    folds = []
    for protocol in (*FOLDS, *ACROSS_CORPORA):
        predictions = predict_tested(protocol, features)
        print(describe(protocol, predictions), flush=True)
        if protocol in FOLDS:
            folds.append(predictions.uar)
            continue
        score = measure_households(predictions.logits, predictions.truth, predictions.speakers, predictions.tendencies)
        lasting = ", ".join(f"{change:+.1f} after {n}" for n, change in zip(LENGTHS, score.one_mood, strict=True))
        print(f"  households: one lasting mood {lasting}; changing moods {score.changing:+.1f}", flush=True)
    print("six folds: UAR {:.1f} / {:.1f}".format(*np.mean(folds, axis=0)))


if __name__ == "__main__":
    main()
