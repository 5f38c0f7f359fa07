"""EmoDB (Burkhardt et al. 2005): ten actors say ten German sentences in seven emotions, boredom among them.

Published as wav/03a01Fa.wav: speaker 03, sentence a01, Freude, version a.
"""

import re
from pathlib import Path

from convert.datasets.layout import Layout
from convert.datasets.records import Sound, SpeechCorpus

_LAYOUT = Layout("emodb", "EmoDB", "wav/03a01Fa.wav", 535)
_EMOTIONS = {"W": "angry", "L": "boredom", "E": "disgust", "A": "fear", "F": "happy", "T": "sad", "N": "neutral"}
"""Wut, Langeweile, Ekel, Angst, Freude, Trauer, neutral."""
_SEX = {"03": "M", "08": "F", "09": "F", "10": "M", "11": "M", "12": "M", "13": "F", "14": "F", "15": "M", "16": "F"}
"""From the table that is published with it."""
_NAME = re.compile(r"(\d\d)([ab]\d\d)([WLEAFTN])[a-z]?")


def read(folder: Path, *, part: bool = False) -> list[Sound]:
    """535 clips, 81 of them boredom; raises MediaError when some are missing, unless `part` allows that."""
    return _LAYOUT.records(folder, _parse, part=part)


def _parse(path: Path) -> Sound:
    named = _NAME.fullmatch(path.stem)
    if not named or named[1] not in _SEX:
        raise _LAYOUT.reject(path)
    speaker, sentence, letter = named.groups()
    own, person, sex = _EMOTIONS[letter], f"EMODB_{speaker}", _SEX[speaker]
    return Sound(name=path.stem, corpus="emodb", path=path, own=own, person=person, sex=sex, statement=sentence)


CORPORA = (
    SpeechCorpus("emodb", "EmoDB: 10 actors, German, 7 emotions with boredom, 535 clips", "free, to be cited", read),
)
