"""ASED (Retta et al. 2022): 65 actors say 27 Amharic sentences in five emotions; most sentences belong to one of them.

Published as a5-01-02-01-13.wav: the emotion's letter and number, sentence, repetition, sex (01 female), speaker.
"""

import re
from pathlib import Path

from convert.datasets.layout import Layout
from convert.datasets.records import Sound, SpeechCorpus

_LAYOUT = Layout("ased", "ASED", "a5-01-02-01-13.wav", 2474)
_NAME = re.compile(r"(a5|f2|h3|n1|s4)-(\d\d)-\d\d-(01|02)-(\d\d)", re.IGNORECASE)
_EMOTIONS = {"a": "angry", "f": "fear", "h": "happy", "n": "neutral", "s": "sad"}


def read(folder: Path, *, part: bool = False) -> list[Sound]:
    """2,474 clips; raises MediaError when some are missing, unless `part` allows that."""
    return _LAYOUT.records(folder, _parse, part=part)


def _parse(path: Path) -> Sound:
    named = _NAME.fullmatch(path.stem)
    if not named:
        raise _LAYOUT.reject(path)
    letter, sentence, sex, speaker = named.groups()
    return Sound(
        name=path.stem,
        corpus="ased",
        path=path,
        own=_EMOTIONS[letter[0].lower()],
        person=f"ASED{speaker}",
        sex="F" if sex == "01" else "M",
        statement=f"sent{sentence}",
    )


CORPORA = (
    SpeechCorpus("ased", "ASED: 65 speakers, Amharic, 5 emotions, 2,474 clips", "no licence stated, to be cited", read),
)
