"""SoundWindow -> VoiceReading: the gate, the features, the voice networks."""

import logging
import time
from pathlib import Path

import numpy as np

from device.emotions import EMOTIONS, NO_SPEECH, Floats, softmax
from device.perception.audio.frame_cache import FrameCache
from device.perception.audio.frame_features import MEL, PERIODIC, frame_rows
from device.perception.audio.prosody import prosody_of
from device.perception.audio.stft import RATE_HZ
from device.perception.audio.vad import speech_frames, speech_span
from device.perception.models.model import Model
from device.perception.voice.input import voice_picture
from device.perception.voice.novelty import NoveltyDetector
from device.perception.voice.speaker_baseline import SpeakerBaseline, speaker_stats_file
from device.readings import SoundWindow, VoiceReading

_log = logging.getLogger(__name__)

WINDOW = 3 * RATE_HZ
"""Samples that the network reads at a time."""
_ENDED = RATE_HZ // 5
"""Samples: so long a silence and an utterance is over."""
_KEEP_S = 600.0
"""How often what was learnt is written down: an SD card lasts longer than a memory of ten minutes is worth."""


class VoiceReader:
    """Reads sound with two networks: one that sees a picture of the voice, one that hears how it differs from usual."""

    def __init__(
        self,
        picture: Model,
        prosodic: Model | None = None,
        min_speech: float = 0.25,
        kept: Path | None = None,
    ) -> None:
        """`min_speech`: a window with a smaller share of voice gives no reading.

        Without `prosodic` the picture alone is read. `kept` is the file that remembers how voices usually sound here;
        without it that is known only until the end.
        """
        self._picture, self._prosodic = picture, prosodic
        self._least_speech = min_speech
        self._file = speaker_stats_file(kept) if kept else None
        self._kept_s = time.monotonic()
        self._frames = FrameCache(frame_rows)
        self._numbers: Floats | None = None
        """`prosody` of the last utterance, and how many frames have come since."""
        self._uncounted = 0
        self._begins_anew = False
        self._baseline: SpeakerBaseline | None = None
        self._learnt: NoveltyDetector | None = None
        if prosodic is not None:
            card = prosodic.card
            heard = self._file.load(None) if self._file else None
            self._baseline = SpeakerBaseline(card.centre, card.spread, heard)
            if card.training is not None:
                self._learnt = NoveltyDetector(card.training, card.centre, card.spread)

    def read(self, window: SoundWindow, learn: float = 0.0) -> VoiceReading | None:
        """What the networks say of the voice in a window; None when there is too little of one in it.

        The share of speech is that of the frames that pass the gate, times the network's own belief that what it
        heard is a voice and not a dog, a clock or a song's band. `learn`: how many utterances it counts for in what
        is usual here. Where windows follow one another in a stream (`SoundWindow.at`), only what is new is measured.
        """
        if self._begins_anew:
            self._begins_anew = False
            self.rest()
        samples = window.samples[-WINDOW:]
        marked = speech_frames(samples)
        # Counted against one second at least: two syllables in an empty window are a voice, a click is not.
        share = int(np.count_nonzero(marked)) / max(min(len(marked), 300), 100)
        if share < self._least_speech:
            return None
        said = speech_span(marked)
        at = window.at + len(window.samples) - len(samples) + said.start
        probabilities = self._said(self._frames(samples[said], at), learn, ended=len(samples) - said.stop >= _ENDED)
        voice = 1 - float(probabilities[self._picture.card.labels.index(NO_SPEECH)])
        share *= voice
        if voice < 0.5 or share < self._least_speech:
            return None
        emotions = probabilities[: len(EMOTIONS)]
        return VoiceReading(emotions / emotions.sum(), float(min(share, 1.0)), window.end_s)

    def _said(self, rows: Floats, learn: float, *, ended: bool) -> Floats:
        """(8,) of `frame_rows` (frames, COLUMNS): both networks' probabilities multiplied.

        The emotions' each to its card's power, as these were fitted: modestly of strangers, and of voices unlike any
        that were learnt from. Whether it is a voice at all is another question: to be modest about a stranger's mood
        is no reason to take a dog for somebody.
        """
        picture = self._picture.card
        shown = voice_picture(rows[:, MEL], rows[:, PERIODIC])
        seen = softmax(self._picture.network.run(shown)[0][0], picture.temperature)
        if self._prosodic is None or self._baseline is None:
            return seen
        card, numbers = self._prosodic.card, self._numbers_of(rows, ended=ended)
        heard = softmax(self._prosodic.network.run(self._baseline.deviations(numbers))[0][0], card.temperature)
        distance, like_learnt = None, 1.0
        if self._learnt is not None:
            distance = float(self._learnt.distance(numbers))
            like_learnt = self._learnt.likeness(self._baseline.distance(distance))
        powers = [its.power_for(self._baseline.known, like_learnt) for its in (picture, card)]
        logs = [np.log(shares + 1e-6) for shares in (seen, heard)]
        nobody = softmax(logs[0] + logs[1])[picture.labels.index(NO_SPEECH) :]
        emotions = softmax(powers[0] * logs[0][: len(EMOTIONS)] + powers[1] * logs[1][: len(EMOTIONS)])
        said = np.concatenate([emotions * (1 - nobody), nobody])
        if learn and nobody[0] < 0.5:
            self._baseline.learn(numbers, learn, distance)
            if time.monotonic() - self._kept_s > _KEEP_S:
                self.keep()
        return said

    def _numbers_of(self, rows: Floats, *, ended: bool) -> Floats:
        """(PROSODY,) of `frame_rows`, kept until half of them are new or the utterance has `ended`.

        They tell of an utterance as a whole. Another second changes that little, and would be a quarter of the work.
        """
        self._uncounted += self._frames.new
        numbers = self._numbers
        if numbers is None or 2 * self._uncounted >= len(rows) or (ended and self._uncounted):
            self._numbers = numbers = prosody_of(rows)
            self._uncounted = 0
        return numbers

    def keep(self) -> None:
        """Write down how voices usually sound here; a disk that refuses is said in the log."""
        if self._file is None or self._baseline is None:
            return
        self._kept_s = time.monotonic()
        try:
            self._file.save(self._baseline.heard)
        except OSError as error:
            _log.warning("%s: how voices sound here cannot be kept (%s)", self._file.path, error)

    def rest(self) -> None:
        """The sound has stopped, or may no longer be heard: nothing that was measured of it is left."""
        self._frames.forget()
        self._numbers, self._uncounted = None, 0

    def forget(self) -> None:
        """Begin again with voices in general. What was kept is written over at once: a removal might not come off.

        What was measured of an utterance that is under way goes too, before the next reading: this is asked for by
        another thread than the one that reads.
        """
        self._numbers, self._begins_anew = None, True
        if self._prosodic is not None:
            self._baseline = SpeakerBaseline(self._prosodic.card.centre, self._prosodic.card.spread)
        self.keep()
