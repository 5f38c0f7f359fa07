"""JAFFE (Lyons et al. 1998): 213 pictures of ten Japanese women in seven emotions.

Published as KA.AN1.39.tiff: person, emotion and take, number.
"""

import re
from pathlib import Path

from convert.datasets.layout import PICTURE_SUFFIXES, Layout
from convert.datasets.records import Picture, PictureCorpus

_LAYOUT = Layout("jaffe", "JAFFE", "KA.AN1.39.tiff", 213, PICTURE_SUFFIXES, "pictures")
_OWN = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
_EMOTIONS = {own[:2].upper(): own for own in _OWN}
_NAME = re.compile(rf"([A-Z]{{2}})\.({'|'.join(_EMOTIONS)})\d\.\d+")


def read(folder: Path, *, part: bool = False) -> list[Picture]:
    """213 pictures of 256×256, uncropped; raises MediaError when some are missing, unless `part` allows that."""
    return _LAYOUT.records(folder, _parse, part=part)


def _parse(path: Path) -> Picture:
    named = _NAME.fullmatch(path.stem)
    if not named:
        raise _LAYOUT.reject(path)
    return Picture(name=path.stem, corpus="jaffe", path=path, own=_EMOTIONS[named[2]], person=named[1], sex="F")


CORPORA = (PictureCorpus("jaffe", "JAFFE: 10 women, 7 emotions, 213 pictures", "research only", read),)
