"""How well light heads read the teacher's own numbers: the upper bound for a student that reproduces them perfectly.

    python -m convert.voice.student.teacher_report body-a without-savee fold-5 ../shared/data cache runs

The numbers are the components that the body's students are trained on, for the unchanged clips.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from convert.voice.student.distill import light_clips
from convert.voice.student.finetune import PROTOCOLS
from convert.voice.student.material import Targets, load_material
from convert.voice.teacher.clip_features import Numbers
from convert.voice.teacher.corpora import CORPORA
from convert.voice.teacher.protocols import Adaptation, answer


def main(words: Sequence[str] | None = None) -> None:
    """Parse the arguments and print a line for each protocol."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("body", help="run whose targets are used; it must not have trained on the tested speakers")
    parser.add_argument("protocols", nargs="+", choices=PROTOCOLS)
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("runs", type=Path)
    a = parser.parse_args(words)
    targets = Targets(**np.load(a.runs / a.body / "targets.npz"))
    material = load_material(a.cache, lambda corpus: light_clips(a.data, corpus, a.cache), CORPORA, copies=1)
    every = np.arange(len(material.clips))
    sound_in = Adaptation(material.clips, [Numbers(targets.natural(targets.pooled(material.statistics(every))), every)])
    for name in a.protocols:
        queried = {words: answer(PROTOCOLS[name], sound_in, known=words == "known") for words in ("stranger", "known")}
        scores = ", ".join(f"{words} UAR {one.uar:.1f}, ECE {one.ece:.1f}" for words, one in queried.items())
        print(f"the teacher, {name}: {scores}", flush=True)


if __name__ == "__main__":
    main()
