"""How an utterance was said, as a row of numbers: pitch, loudness, tone and rhythm.

Functionals (mean, spread, quantiles, slopes) of curves over time, in the manner of Eyben et al. 2016, "The Geneva
minimalistic acoustic parameter set (GeMAPS) for voice research and affective computing". A spectrogram also shows the
phrase and the throat; compared with how the same person usually sounds (`SpeakerBaseline`), these numbers show the
emotion.
"""

import numpy as np

from device.emotions import Floats
from device.perception.audio import frame_features as of
from device.perception.audio.frame_features import frame_rows
from device.perception.audio.log_mel import BANDS, FFT
from device.perception.audio.pitch import A1_HZ, remove_octave_leaps
from device.perception.audio.statistics import (
    Curve,
    Mask,
    Places,
    count_peaks,
    functionals,
    mean_and_spread,
    moments,
    moving_means,
    quantiles,
    runs,
    slopes,
    spreads,
    thirds,
)
from device.perception.audio.stft import HOP, RATE_HZ

_SPEECH_DEPTH = 4.0
"""Frames weaker than the strong ones by more than this (natural logarithm of energy; 17 dB) are pauses."""
_VOICED = 0.55
"""Minimum height of the autocorrelation's peak in a frame with a pitch."""
_LEAP = 3
"""Semitones per frame; a larger step is not vibrato."""
_FRAMES_HZ = RATE_HZ / HOP
_SWING = 128
"""How many frames the energy's spectrum is computed over."""
_ENERGY = of.ENERGY - of.TONE.start
_COURSE = [*(column - of.TONE.start for column in (of.ENERGY, of.CENTRE, of.PEAK, of.BRIGHT)), *range(6), -1]
"""The curves of `_tone` that are compared between thirds; pitch takes the place of the last one."""
_PITCH, _CLEAR, _LOUD, _, _CHANGE = range(5)
"""The rows of `_curves`."""


def prosody(samples: Floats) -> Floats:
    """(samples,) float32 at 16 kHz, one utterance without the silence around it -> (PROSODY,) float32, all finite."""
    return prosody_from_rows(frame_rows(samples))


def prosody_from_rows(rows: Floats) -> Floats:
    """`prosody` from the utterance's `frame_rows` (frames, COLUMNS)."""
    energy, peak = rows[:, of.ENERGY], rows[:, of.PEAK]
    semitones = remove_octave_leaps(rows[:, of.SEMITONES]).astype(np.float64)
    speech = energy > quantiles(np.sort(energy), [0.9])[0] - _SPEECH_DEPTH
    voiced = speech & (peak > _VOICED)
    if np.count_nonzero(voiced) < 4:  # a whisper: take its most tonal frames
        voiced = speech & (peak >= quantiles(np.sort(peak[speech]), [0.6])[0])
    rough = speech & ~voiced
    curves = _curves(rows, semitones, speech)
    smooth = moving_means(curves[[_PITCH, _LOUD]])
    parts = [
        *_tone(rows[:, of.TONE][speech], semitones[speech]),
        *_melody(semitones, voiced),
        _movement(curves, smooth, voiced),
        *_strength(curves, smooth[0][1], np.stack([speech, voiced, rough])),
        *_timbre(rows, semitones, np.flatnonzero(voiced), np.flatnonzero(rough)),
        *_rhythm(energy, speech, voiced),
    ]
    return np.nan_to_num(np.concatenate(parts).astype(np.float32))


def _tone(rows: Floats, semitones: Curve) -> list[Curve]:
    """The spectrum's shape over the frames with speech, as a whole and from third to third.

    `rows` are their columns of.TONE.
    """
    curves = rows.T.copy()
    energy = curves[_ENERGY]
    level = energy[energy >= quantiles(np.sort(energy), [0.8])[0]].mean()
    curves[0] -= level * np.float32(np.sqrt(BANDS))  # the first coefficient of the cosine transform is the loudness
    energy -= level
    numbers = functionals(curves)
    course = curves[_COURSE]
    course[-1] = semitones
    return [numbers[:, : of.CEPSTRA_COUNT].ravel(), numbers[:, of.CEPSTRA_COUNT :].ravel(), thirds(course)]


def _melody(semitones: Curve, voiced: Mask) -> list[Curve]:
    """How high the pitch is, how far it goes up and down, and how shaky it is."""
    tonal = semitones[voiced]
    low, tenth, lower, middle, upper, ninetieth, high = quantiles(np.sort(tonal), [0.05, 0.1, 0.2, 0.5, 0.8, 0.9, 0.95])
    count = len(tonal)
    time = np.arange(1 - count, count, 2) / max(count - 1, 1)
    trend = tonal @ time / max(float(time @ time), 1)
    course = np.abs(tonal[1:] - tonal[:-1])
    steps = np.abs(semitones[1:] - semitones[:-1])[voiced[1:] & voiced[:-1]]
    return [
        np.array([low, lower, middle, upper, high, upper - lower, high - low]),
        np.array([tenth, ninetieth, trend, np.add.reduce(course) / max(len(course), 1)]),
        np.array(mean_and_spread(steps[steps < _LEAP])),
    ]


def _curves(rows: Floats, semitones: Curve, speech: Mask) -> Curve:
    """(5, frames): pitch, its clearness (dB), perceived loudness, the mean magnitude, and the spectrum's change.

    The last three are divided by their means over the speech, so that the recording's loudness does not matter.
    """
    curves, peak = np.empty((5, len(rows))), rows[:, of.PEAK]
    curves[_PITCH] = semitones
    curves[_CLEAR] = 10 * np.log10(peak / (1 - peak))
    curves[_LOUD:] = rows[:, of.LOUD : of.CHANGE + 1].T
    loud, magnitude = curves[_LOUD:_CHANGE] @ speech / np.count_nonzero(speech)
    curves[_LOUD] /= loud + 1e-9
    curves[_LOUD + 1 :] /= magnitude + 1e-9
    return curves


def _movement(curves: Curve, smooth: tuple[Curve, Curve], voiced: Mask) -> Curve:
    """How the pitch of voiced frames and the loudness of all frames rise and fall, as measured and after `smooth`."""
    moving = np.stack([curves[_PITCH], smooth[0][0], curves[_LOUD], smooth[1][1]])
    steps = moving[:, 1:] - moving[:, :-1]
    tonal = voiced[1:] & voiced[:-1]
    steps[:2] *= tonal
    return slopes(steps, np.array([np.count_nonzero(tonal)] * 2 + [len(tonal)] * 2)).ravel()


def _strength(curves: Curve, smooth_loud: Curve, which: Mask) -> list[Curve]:
    """The mean and evenness of each of `_curves`; `which` (3, frames): speech, with a pitch, and without one."""
    counts = np.maximum(np.add.reduce(which, axis=1), 1)[:, None]
    means = which @ curves.T / counts
    even = spreads(means, which @ np.square(curves).T / counts)
    speech, tonal, rough = range(3)
    clear, loud = np.sort(curves[_CLEAR][which[tonal]]), np.sort(curves[_LOUD][which[speech]])
    low, middle, high = quantiles(loud, [0.2, 0.5, 0.8])
    beats_hz = count_peaks(smooth_loud, 0.5) / curves.shape[1] * _FRAMES_HZ
    return [
        np.array([means[tonal, _PITCH], even[tonal, _PITCH], means[tonal, _CLEAR], even[tonal, _CLEAR]]),
        np.array([*quantiles(clear, [0.2, 0.8]), even[speech, _LOUD], low, middle, high, high - low, beats_hz]),
        np.array([means[tonal, _LOUD], means[rough, _LOUD], means[speech, _CHANGE], even[speech, _CHANGE]]),
        np.array([means[tonal, _CHANGE], even[tonal, _CHANGE], means[rough, _CHANGE]]),
    ]


def _timbre(rows: Floats, semitones: Curve, tonal: Places, rough: Places) -> list[Curve]:
    """How pressed, breathy or bright the voice is: slopes of the spectrum, harmonics, and the vowels' regions."""
    hz = A1_HZ * 2 ** (semitones[tonal] / 12)
    places = np.rint(np.outer((1, 2), hz * (FFT / RATE_HZ))).astype(int)
    first, second = rows[tonal, of.LOW.start + np.clip(places, 1, of.LOW_BINS - 1)]
    curves = np.empty((12, len(tonal)), np.float32)
    columns = rows[tonal, of.TILTS.start : of.REGIONS.stop].T
    tilts, vowels, regions = columns[:4], columns[4:7], columns[7:]
    curves[:4], curves[9:] = tilts, regions
    curves[4], curves[5], curves[6] = first - second, first - vowels[2], vowels[0] - first
    curves[7:9] = vowels[1:] - vowels[:-1]
    means, spread, _ = moments(curves)
    return [means, spread, np.add.reduce(rows[rough, of.TILTS]) / max(len(rough), 1)]


def _rhythm(energy: Floats, speech: Mask, voiced: Mask) -> list[Curve]:
    """Syllables and pauses: lengths in frames, number per second, and the spectrum of the energy (0.4-15 Hz)."""
    frames = len(energy)
    begins, ends = runs(voiced)
    swing = np.abs(np.fft.rfft(energy - np.add.reduce(energy) / frames, _SWING))[1:40].reshape(13, 3)
    shares = np.count_nonzero(voiced) / frames, np.count_nonzero(speech) / frames
    return [
        np.array([len(begins) / frames * _FRAMES_HZ, *shares, np.log(frames)]),
        np.array([*mean_and_spread(ends - begins), *mean_and_spread(begins[1:] - ends[:-1])]),
        np.log(np.add.reduce(swing, axis=1) / 3 + 1e-3),
    ]


PROSODY = len(prosody(np.zeros(RATE_HZ, np.float32)))
"""How many numbers `prosody` returns."""
