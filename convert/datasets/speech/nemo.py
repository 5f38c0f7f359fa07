"""nEMO (Christop 2024): nine actors say 90 Polish sentences in six emotions, the same sentences in all of them.

Published as samples/EB0_anger_1.wav: the speaker, the emotion, and the number of the sentence. Nobody acts disgust.
"""

import re
from pathlib import Path

from convert.datasets.labels import own_label
from convert.datasets.layout import Layout
from convert.datasets.records import Sound, SpeechCorpus

_LAYOUT = Layout("nemo", "nEMO", "samples/EB0_anger_1.wav", 4481)
_NAME = re.compile(r"([A-Z]{2}\d)_(anger|fear|happiness|neutral|sadness|surprised)_(\d+)")
_WOMEN = {"EB0", "IC0", "KD0", "MK0"}
"""From the table that is published with it."""


def read(folder: Path, *, part: bool = False) -> list[Sound]:
    """4,481 clips; raises MediaError when some are missing, unless `part` allows that."""
    return _LAYOUT.records(folder, _parse, part=part)


def _parse(path: Path) -> Sound:
    named = _NAME.fullmatch(path.stem)
    if not named:
        raise _LAYOUT.reject(path)
    speaker, emotion, sentence = named.groups()
    return Sound(
        name=path.stem,
        corpus="nemo",
        path=path,
        own=own_label(emotion, path),
        person=f"NEM{speaker}",
        sex="F" if speaker in _WOMEN else "M",
        statement=f"N{sentence}",
    )


CORPORA = (SpeechCorpus("nemo", "nEMO: 9 actors, Polish, 6 emotions, 4,481 clips", "CC BY-NC-SA 4.0", read),)
