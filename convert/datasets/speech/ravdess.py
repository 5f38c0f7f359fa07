"""RAVDESS (Livingstone and Russo 2018): 24 actors speak and sing two sentences in eight emotions, as sound and video.

Published as Actor_01/03-01-06-01-02-01-12.wav, also below Audio_Speech_Actors_01-24 and the like: modality (01 sound
and video, 02 video, 03 sound), channel (01 speech, 02 song), emotion, intensity, statement, repetition, actor.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from convert.datasets.layout import Layout, find_media
from convert.datasets.records import ShippedSplit, Sound, SpeechCorpus, Video, VideoCorpus

_EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise")
_NAME = re.compile(r"0[123]-0[12]-0[1-8]-0[12]-0[12]-0[12]-(0[1-9]|1\d|2[0-4])")
_SPEECH, _SONG = "01", "02"
_SOUND, _BOTH, _PICTURE = "03", "01", "02"
_VIDEOS = frozenset({".mp4"})

K = TypeVar("K", Sound, Video)


def read_speech(folder: Path, *, part: bool = False) -> list[Sound]:
    """1,440 clips; raises MediaError when some are missing, unless `part` allows that."""
    layout = Layout("ravdess_speech", "RAVDESS speech", "03-01-06-01-02-01-12.wav", 1440)
    return layout.records(folder, _parser(layout, Sound, _SOUND, _SPEECH), part=part)


def read_song(folder: Path, *, part: bool = False) -> list[Sound]:
    """1,012 clips: actor 18 does not sing, and nobody sings disgust or surprise; raises MediaError as `read_speech`."""
    layout = Layout("ravdess_song", "RAVDESS song", "03-02-06-01-02-01-12.wav", 1012)
    return layout.records(folder, _parser(layout, Sound, _SOUND, _SONG), part=part)


def read_speech_videos(folder: Path, *, part: bool = False) -> list[Video]:
    """1,440 videos, with sound unless the copy only has silent ones; raises MediaError as `read_speech`."""
    layout = Layout("ravdess_speech_video", "RAVDESS speech video", "01-01-06-01-02-01-12.mp4", 1440, _VIDEOS, "videos")
    return layout.records(folder, _parser(layout, Video, _modality(folder, _SPEECH), _SPEECH), part=part)


def read_song_videos(folder: Path, *, part: bool = False) -> list[Video]:
    """1,012 videos, with sound unless the copy only has silent ones; raises MediaError as `read_speech`."""
    layout = Layout("ravdess_song_video", "RAVDESS song video", "01-02-06-01-02-01-12.mp4", 1012, _VIDEOS, "videos")
    return layout.records(folder, _parser(layout, Video, _modality(folder, _SONG), _SONG), part=part)


def _modality(folder: Path, channel: str) -> str:
    """The modality to read: each video was published with sound and without."""
    return _BOTH if any(p.name.startswith(f"{_BOTH}-{channel}-") for p in find_media(folder, _VIDEOS)) else _PICTURE


def _parser(layout: Layout, kind: type[K], modality: str, channel: str) -> Callable[[Path], K | None]:
    def parse(path: Path) -> K | None:
        if not _NAME.fullmatch(path.stem):
            raise layout.reject(path)
        words = path.stem.split("-")
        if words[:2] != [modality, channel]:
            return None
        return kind(
            name=path.stem,
            corpus=layout.corpus,
            path=path,
            own=_EMOTIONS[int(words[2]) - 1],
            person=f"RAV{words[6]}",
            sex="M" if int(words[6]) % 2 else "F",
            statement=f"S{words[4]}",
            intensity="normal" if words[3] == "01" else "strong",
        )

    return parse


_LICENCE = "CC BY-NC-SA 4.0"
_SPLIT = ShippedSplit(
    validation=frozenset(f"RAV{actor:02d}" for actor in range(17, 21)),
    test=frozenset(f"RAV{actor:02d}" for actor in range(21, 25)),
)
CORPORA = (
    SpeechCorpus("ravdess_speech", "RAVDESS speech: 24 actors, 8 emotions, 1,440 clips", _LICENCE, read_speech, _SPLIT),
    SpeechCorpus("ravdess_song", "RAVDESS song: 23 actors, 6 emotions, 1,012 clips", _LICENCE, read_song, _SPLIT),
    VideoCorpus("ravdess_speech_video", "RAVDESS: 24 actors, 1,440 videos", _LICENCE, read_speech_videos),
    VideoCorpus("ravdess_song_video", "RAVDESS: 23 actors, 1,012 videos", _LICENCE, read_song_videos),
)
