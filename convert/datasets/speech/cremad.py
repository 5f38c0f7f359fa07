"""CREMA-D (Cao et al. 2014): 91 actors say twelve sentences in six emotions, as sound and video.

Published as AudioWAV/1001_DFA_ANG_XX.wav and VideoFlash/1001_DFA_ANG_XX.flv: actor, sentence, emotion, level (low,
medium, high, or unspecified). VideoDemographics.csv beside the folders lists the actors' sex.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from convert.datasets.csv_tables import read_table
from convert.datasets.layout import Layout, find_inside
from convert.datasets.records import Sound, SpeechCorpus, Video, VideoCorpus

_SOUNDS = Layout("cremad", "CREMA-D", "AudioWAV/1001_DFA_ANG_XX.wav", 7442)
_VIDEOS = Layout(
    "cremad_video", "CREMA-D video", "VideoFlash/1001_DFA_ANG_XX.flv", 7442, frozenset({".flv", ".mp4"}), "videos"
)
_EMOTIONS = {"ANG": "angry", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
# One published file ends in a single X: 1040_ITH_SAD_X.wav.
_LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": "", "X": ""}
_NAME = re.compile(rf"(1\d{{3}})_([A-Z]{{3}})_({'|'.join(_EMOTIONS)})_({'|'.join(_LEVELS)})")
_PEOPLE = "VideoDemographics.csv"

K = TypeVar("K", Sound, Video)


def read(folder: Path, *, part: bool = False) -> list[Sound]:
    """7,442 clips; raises MediaError when some are missing, unless `part` allows that."""
    return _SOUNDS.records(folder, _parser(_SOUNDS, Sound, _sexes(folder)), part=part)


def read_videos(folder: Path, *, part: bool = False) -> list[Video]:
    """7,442 videos; raises MediaError as `read`."""
    return _VIDEOS.records(folder, _parser(_VIDEOS, Video, _sexes(folder)), part=part)


def _sexes(folder: Path) -> dict[str, str]:
    """Actor -> F or M; empty when the table is neither in the folder nor beside it."""
    table = next((p for p in (find_inside(folder, _PEOPLE), folder.parent / _PEOPLE) if p.is_file()), None)
    if table is None:
        return {}
    return {row["ActorID"]: row["Sex"][:1].upper() for row in read_table(table, ("ActorID", "Sex"))}


def _parser(layout: Layout, kind: type[K], sexes: dict[str, str]) -> Callable[[Path], K]:
    def parse(path: Path) -> K:
        named = _NAME.fullmatch(path.stem)
        if not named:
            raise layout.reject(path)
        actor, sentence, emotion, level = named.groups()
        return kind(
            name=path.stem,
            corpus=layout.corpus,
            path=path,
            own=_EMOTIONS[emotion],
            person=f"CREMAD_{actor}",
            sex=sexes.get(actor, ""),
            statement=sentence,
            intensity=_LEVELS[level],
        )

    return parse


CORPORA = (
    SpeechCorpus("cremad", "CREMA-D: 91 actors, 6 emotions, 7,442 clips", "ODbL 1.0", read),
    VideoCorpus("cremad_video", "CREMA-D: 91 actors, 6 emotions, 7,442 videos", "ODbL 1.0", read_videos),
)
