"""SAVEE (Haq and Jackson 2009): four men say 15 sentences in each of seven emotions, 30 in neutral; sound and video.

Published as DC/a01.wav in one folder per man. Copies often have DC_a01.wav in one folder. The videos are named alike,
as .avi.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from convert.datasets.layout import Layout
from convert.datasets.records import ShippedSplit, Sound, SpeechCorpus, Video, VideoCorpus

_SOUNDS = Layout("savee", "SAVEE", "DC/a01.wav", 480)
_VIDEOS = Layout("savee_video", "SAVEE video", "DC/a01.avi", 480, frozenset({".avi"}), "videos")
_EMOTIONS = {"a": "angry", "d": "disgust", "f": "fear", "h": "happy", "n": "neutral", "sa": "sad", "su": "surprise"}
_NAME = re.compile(r"(DC|JE|JK|KL)_((a|d|f|h|n|sa|su)\d{1,2})")

K = TypeVar("K", Sound, Video)


def read(folder: Path, *, part: bool = False) -> list[Sound]:
    """480 clips; raises MediaError when some are missing, unless `part` allows that."""
    return _SOUNDS.records(folder, _parser(_SOUNDS, Sound), part=part)


def read_videos(folder: Path, *, part: bool = False) -> list[Video]:
    """480 videos, with blue markers on the men's faces; raises MediaError as `read`."""
    return _VIDEOS.records(folder, _parser(_VIDEOS, Video), part=part)


def _parser(layout: Layout, kind: type[K]) -> Callable[[Path], K]:
    def parse(path: Path) -> K:
        named = _NAME.fullmatch(path.stem) or _NAME.fullmatch(f"{path.parent.name}_{path.stem}")
        if not named:
            raise layout.reject(path)
        return kind(
            name=named[0],
            corpus=layout.corpus,
            path=path,
            own=_EMOTIONS[named[3]],
            person=f"SAVEE_{named[1]}",
            sex="M",
            statement=named[2],
        )

    return parse


_LICENCE = "research only"
_SPLIT = ShippedSplit(validation=frozenset({"SAVEE_JK"}), test=frozenset({"SAVEE_KL"}))
CORPORA = (
    SpeechCorpus("savee", "SAVEE: 4 men, 7 emotions, 480 clips", _LICENCE, read, _SPLIT),
    VideoCorpus("savee_video", "SAVEE: 4 men, 7 emotions, 480 videos", _LICENCE, read_videos),
)
