"""TESS (Pichora-Fuller and Dupuis 2020): two women say "say the word ..." with 200 words in seven emotions.

Published as OAF_angry/OAF_back_angry.wav and YAF_pleasant_surprised/YAF_back_ps.wav.
"""

import re
from pathlib import Path

from convert.datasets.labels import own_label
from convert.datasets.layout import Layout
from convert.datasets.records import ShippedSplit, Sound, SpeechCorpus

_LAYOUT = Layout("tess", "TESS", "OAF_back_angry.wav", 2800)
# One file of the published set is called OA_bite_neutral.wav.
_NAME = re.compile(r"(OA|YA)F?_([a-z]+)_(angry|disgust|fear|happy|neutral|ps|sad)", re.IGNORECASE)


def read(folder: Path, *, part: bool = False) -> list[Sound]:
    """2,800 clips; raises MediaError when some are missing, unless `part` allows that."""
    return _LAYOUT.records(folder, _parse, part=part)


def _parse(path: Path) -> Sound:
    named = _NAME.fullmatch(path.stem)
    if not named:
        raise _LAYOUT.reject(path)
    woman, word, emotion = named.groups()
    person, own = f"TESS_{woman.upper()}F", own_label(emotion, path)
    return Sound(name=path.stem, corpus="tess", path=path, own=own, person=person, sex="F", statement=word.lower())


# TESS has two speakers: both train.
CORPORA = (SpeechCorpus("tess", "TESS: 2 women, 7 emotions, 2,800 clips", "CC BY-NC-ND 4.0", read, ShippedSplit()),)
