"""How well light heads read the teacher's own numbers: the upper bound for a student that reproduces them perfectly.

    python -m convert.voice.student.teacher_report body-a without-savee fold-5 ../shared/data cache runs

The numbers are the components that the body's students are trained on, for the unchanged clips.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from convert.voice.student.finetune import PROTOCOLS
from convert.voice.student.material import Targets, load_material
from convert.voice.teacher.clip_features import WindowFeatures
from convert.voice.teacher.corpora import CORPORA
from convert.voice.teacher.protocols import EncodedClips, predict_tested


def main(words: Sequence[str] | None = None) -> None:
    """Parse the arguments and print a line for each protocol."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("body", help="run whose targets are used; it must not have trained on the tested speakers")
    parser.add_argument("protocols", nargs="+", choices=PROTOCOLS)
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("runs", type=Path)
    arguments = parser.parse_args(words)
    targets = Targets(**np.load(arguments.runs / arguments.body / "targets.npz"))
    material = load_material(arguments.data, arguments.cache, CORPORA, copies=1)
    all_clips = np.arange(len(material.clips))
    values = targets.natural(targets.pooled(material.statistics(all_clips)))
    encoded = EncodedClips(material.clips, [WindowFeatures(values, all_clips)])
    for name in arguments.protocols:
        scores = []
        for speakers, known in (("stranger", False), ("known", True)):
            predicted = predict_tested(PROTOCOLS[name], encoded, known=known)
            scores.append(f"{speakers} UAR {predicted.uar:.1f}, ECE {predicted.ece:.1f}")
        print(f"the teacher, {name}: {', '.join(scores)}", flush=True)


if __name__ == "__main__":
    main()
