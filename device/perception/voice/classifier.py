"""SoundWindow -> VoiceReading: voice activity detection, the features, the voice networks."""

import logging
import time
from pathlib import Path

import numpy as np

from device.emotions import EMOTIONS, NO_SPEECH, Floats, softmax
from device.perception.audio.frame_cache import FrameCache
from device.perception.audio.frame_features import MEL, PERIODIC, frame_rows
from device.perception.audio.prosody import prosody_from_rows
from device.perception.audio.stft import RATE_HZ
from device.perception.audio.vad import speech_frames, speech_span
from device.perception.models.model import Model
from device.perception.voice.input import voice_input_from_features
from device.perception.voice.novelty import NoveltyDetector
from device.perception.voice.speaker_baseline import SpeakerBaseline, speaker_stats_file
from device.readings import SoundWindow, VoiceReading

_log = logging.getLogger(__name__)

WINDOW = 3 * RATE_HZ
"""Samples that the network reads at a time."""
_END_SILENCE = RATE_HZ // 5
"""Samples of silence that end an utterance."""
_SAVE_S = 600.0
"""Interval between writes of the speaker baseline: losing ten minutes is cheaper than wearing out an SD card."""


class VoiceReader:
    """Reads sound with two networks: one sees a spectrogram, the other how the voice differs from its usual sound."""

    def __init__(
        self, voice: Model, prosody: Model | None = None, min_speech: float = 0.25, stats: Path | None = None
    ) -> None:
        """`min_speech`: the share of speech that a window needs for a reading.

        Without `prosody` only the spectrogram is read. `stats` is the file of the speaker baseline; without one, the
        baseline is lost at the end.
        """
        self._voice, self._prosody = voice, prosody
        self._min_speech = min_speech
        self._file = speaker_stats_file(stats) if stats else None
        self._saved_s = time.monotonic()
        self._frames = FrameCache(frame_rows)
        self._numbers: Floats | None = None
        """`prosody` of the last utterance, and how many frames have come since."""
        self._new_frames = 0
        self._must_reset = False
        self._baseline: SpeakerBaseline | None = None
        self._novelty: NoveltyDetector | None = None
        if prosody is not None:
            card = prosody.card
            stored = self._file.load(None) if self._file else None
            self._baseline = SpeakerBaseline(card.centre, card.spread, stored)
            if card.training is not None:
                self._novelty = NoveltyDetector(card.training, card.centre, card.spread)

    def read(self, window: SoundWindow, learn: float = 0.0) -> VoiceReading | None:
        """The networks' reading of the voice in a window; None when it contains too little voice.

        The share of speech is the share of frames that pass the gate, times the network's probability that the sound
        is a voice, and not a dog, a clock or a band. `learn`: the utterance's weight in the speaker baseline. Where
        windows of one stream overlap (`SoundWindow.at`), only the new part is measured.
        """
        if self._must_reset:
            self._must_reset = False
            self.reset()
        samples = window.samples[-WINDOW:]
        marked = speech_frames(samples)
        # Divide by at least one second: in a short window two syllables then count as a voice, but a click does not.
        share = int(np.count_nonzero(marked)) / max(min(len(marked), 300), 100)
        if share < self._min_speech:
            return None
        span = speech_span(marked)
        at = window.at + len(window.samples) - len(samples) + span.start
        rows = self._frames(samples[span], at)
        probabilities = self._classify(rows, learn, has_ended=len(samples) - span.stop >= _END_SILENCE)
        voice = 1 - float(probabilities[self._voice.card.labels.index(NO_SPEECH)])
        share *= voice
        if voice < 0.5 or share < self._min_speech:
            return None
        emotions = probabilities[: len(EMOTIONS)]
        return VoiceReading(emotions / emotions.sum(), float(min(share, 1.0)), window.end_s)

    def _classify(self, rows: Floats, learn: float, *, has_ended: bool) -> Floats:
        """(8,) from `frame_rows` (frames, COLUMNS): both networks' probabilities multiplied.

        Those of the emotions are raised to the power of each card, which is low for strangers and for voices unlike the
        training data. `no_speech` is not: doubt about a stranger's mood does not make a dog more of a person.
        """
        card = self._voice.card
        spectrogram = voice_input_from_features(rows[:, MEL], rows[:, PERIODIC])
        by_voice = softmax(self._voice.network.run(spectrogram)[0][0], card.temperature)
        if self._prosody is None or self._baseline is None:
            return by_voice
        prosody_card, numbers = self._prosody.card, self._utterance_numbers(rows, has_ended=has_ended)
        logits = self._prosody.network.run(self._baseline.deviations(numbers))[0][0]
        by_prosody = softmax(logits, prosody_card.temperature)
        distance, likeness = None, 1.0
        if self._novelty is not None:
            distance = float(self._novelty.distance(numbers))
            likeness = self._novelty.likeness(self._baseline.distance(distance))
        powers = [each.power_for(self._baseline.adaptation, likeness) for each in (card, prosody_card)]
        logs = [np.log(shares + 1e-6) for shares in (by_voice, by_prosody)]
        no_speech = softmax(logs[0] + logs[1])[card.labels.index(NO_SPEECH) :]
        emotions = softmax(powers[0] * logs[0][: len(EMOTIONS)] + powers[1] * logs[1][: len(EMOTIONS)])
        probabilities = np.concatenate([emotions * (1 - no_speech), no_speech])
        if learn and no_speech[0] < 0.5:
            self._baseline.learn(numbers, learn, distance)
            if time.monotonic() - self._saved_s > _SAVE_S:
                self.save()
        return probabilities

    def _utterance_numbers(self, rows: Floats, *, has_ended: bool) -> Floats:
        """(PROSODY,) from `frame_rows`, recomputed when half of the frames are new or the utterance `has_ended`.

        The numbers describe a whole utterance. Another second changes them little, and costs a quarter of the work.
        """
        self._new_frames += self._frames.new
        numbers = self._numbers
        if numbers is None or 2 * self._new_frames >= len(rows) or (has_ended and self._new_frames):
            self._numbers = numbers = prosody_from_rows(rows)
            self._new_frames = 0
        return numbers

    def save(self) -> None:
        """Write the speaker baseline to its file; a failure is logged."""
        if self._file is None or self._baseline is None:
            return
        self._saved_s = time.monotonic()
        try:
            self._file.save(self._baseline.stats)
        except OSError as error:
            _log.warning("%s: how voices sound here cannot be stored (%s)", self._file.path, error)

    def reset(self) -> None:
        """Forget all measurements of the sound so far, because it has ended or may no longer be used."""
        self._frames.clear()
        self._numbers, self._new_frames = None, 0

    def forget_speakers(self) -> None:
        """Start again with voices in general. The file is overwritten at once, since removing it might fail.

        Called from a different thread than `read`, so the next `read` drops the measurements of the current utterance.
        """
        self._numbers, self._must_reset = None, True
        if self._prosody is not None:
            self._baseline = SpeakerBaseline(self._prosody.card.centre, self._prosody.card.spread)
        self.save()
