"""How something was said, as a row of numbers: pitch, loudness, tone and rhythm over a whole utterance.

Functionals (mean, spread, quantiles, slopes) of curves over time, in the manner of Eyben et al. 2016, "The Geneva
minimalistic acoustic parameter set (GeMAPS) for voice research and affective computing". The picture of a voice tells
the phrase and the throat too; set beside how the same person usually sounds (`VoiceBaseline`), these tell the feeling.
"""

import numpy as np
import numpy.typing as npt

from device.emotions import Floats
from device.perception.audio import frame_features as of
from device.perception.audio.frame_features import frame_rows
from device.perception.audio.log_mel import BANDS, FFT
from device.perception.audio.pitch import A1_HZ, without_leaps
from device.perception.audio.statistics import (
    Curve,
    Mask,
    functionals,
    mean_and_spread,
    moments,
    peaks,
    quantiles,
    slopes,
    smoothed,
    spreads,
    thirds,
)
from device.perception.audio.stft import HOP, RATE_HZ

_SPEECH_DEPTH = 4.0
"""Frames weaker than the strong ones by more than this (natural logarithm of energy: 17 dB) are pauses."""
_VOICED = 0.55
"""Height of the autocorrelation's peak from which on a frame has a pitch."""
_LEAP = 3
"""Semitones from frame to frame from which on it is no vibrato."""
_FRAMES_HZ = RATE_HZ / HOP
_SWING = 128
"""Frames over which energy is asked how fast it comes and goes."""
_ENERGY = of.ENERGY - of.TONE.start
_COURSE = [*(column - of.TONE.start for column in (of.ENERGY, of.CENTRE, of.PEAK, of.BRIGHT)), *range(6), -1]
"""Of `_tone`'s curves: those that are followed from third to third; pitch takes the last one's place."""
_PITCH, _CLEAR, _LOUD, _, _CHANGE = range(5)
"""The rows of `_curves`."""
Places = npt.NDArray[np.intp]


def prosody(samples: Floats) -> Floats:
    """(samples,) float32 at 16 kHz, one utterance without the quiet around it -> (PROSODY,) float32, all finite."""
    return prosody_of(frame_rows(samples))


def prosody_of(rows: Floats) -> Floats:
    """The same from the utterance's `frame_rows` (frames, COLUMNS)."""
    energy, peak = rows[:, of.ENERGY], rows[:, of.PEAK]
    semitones = without_leaps(rows[:, of.SEMITONES]).astype(np.float64)
    spoken = energy > quantiles(np.sort(energy), [0.9])[0] - _SPEECH_DEPTH
    voiced = spoken & (peak > _VOICED)
    if np.count_nonzero(voiced) < 4:  # a whisper: the most tonal of it
        voiced = spoken & (peak >= quantiles(np.sort(peak[spoken]), [0.6])[0])
    rough = spoken & ~voiced
    curves = _curves(rows, semitones, spoken)
    smooth = smoothed(curves[[_PITCH, _LOUD]])
    parts = [
        *_tone(rows[:, of.TONE][spoken], semitones[spoken]),
        *_melody(semitones, voiced),
        _movement(curves, smooth, voiced),
        *_strength(curves, smooth[0][1], np.stack([spoken, voiced, rough])),
        *_timbre(rows, semitones, np.flatnonzero(voiced), np.flatnonzero(rough)),
        *_rhythm(energy, spoken, voiced),
    ]
    return np.nan_to_num(np.concatenate(parts).astype(np.float32))


def _tone(rows: Floats, semitones: Curve) -> list[Curve]:
    """The spectrum's shape over the frames in which somebody speaks, as a whole and from third to third.

    `rows` are their columns of.TONE.
    """
    curves = rows.T.copy()
    energy = curves[_ENERGY]
    level = energy[energy >= quantiles(np.sort(energy), [0.8])[0]].mean()
    curves[0] -= level * np.float32(np.sqrt(BANDS))  # loudness is the cosine transform's first number
    energy -= level
    said = functionals(curves)
    course = curves[_COURSE]
    course[-1] = semitones
    return [said[:, : of.CEPSTRA_COUNT].ravel(), said[:, of.CEPSTRA_COUNT :].ravel(), thirds(course)]


def _melody(semitones: Curve, voiced: Mask) -> list[Curve]:
    """How high, how far up and down, and how shaky."""
    sung = semitones[voiced]
    low, least, lower, middle, upper, most, high = quantiles(np.sort(sung), [0.05, 0.1, 0.2, 0.5, 0.8, 0.9, 0.95])
    count = len(sung)
    time = np.arange(1 - count, count, 2) / max(count - 1, 1)
    trend = sung @ time / max(float(time @ time), 1)
    course = np.abs(sung[1:] - sung[:-1])
    steps = np.abs(semitones[1:] - semitones[:-1])[voiced[1:] & voiced[:-1]]
    return [
        np.array([low, lower, middle, upper, high, upper - lower, high - low]),
        np.array([least, most, trend, np.add.reduce(course) / max(len(course), 1)]),
        np.array(mean_and_spread(steps[steps < _LEAP])),
    ]


def _curves(rows: Floats, semitones: Curve, spoken: Mask) -> Curve:
    """(5, frames): pitch, how clear it is (dB), loudness as it is heard, the mean magnitude, and the spectrum's change.

    The last three over what is usual while somebody speaks: nothing is left of how loud the recording is.
    """
    curves, peak = np.empty((5, len(rows))), rows[:, of.PEAK]
    curves[_PITCH] = semitones
    curves[_CLEAR] = 10 * np.log10(peak / (1 - peak))
    curves[_LOUD:] = rows[:, of.LOUD : of.CHANGE + 1].T
    loud, magnitude = curves[_LOUD:_CHANGE] @ spoken / np.count_nonzero(spoken)
    curves[_LOUD] /= loud + 1e-9
    curves[_LOUD + 1 :] /= magnitude + 1e-9
    return curves


def _movement(curves: Curve, smooth: tuple[Curve, Curve], voiced: Mask) -> Curve:
    """How pitch rises and falls while there is one, and loudness all along: as they are, and `smooth`."""
    moving = np.stack([curves[_PITCH], smooth[0][0], curves[_LOUD], smooth[1][1]])
    steps = moving[:, 1:] - moving[:, :-1]
    sung = voiced[1:] & voiced[:-1]
    steps[:2] *= sung
    return slopes(steps, np.array([np.count_nonzero(sung)] * 2 + [len(sung)] * 2)).ravel()


def _strength(curves: Curve, smooth_loud: Curve, which: Mask) -> list[Curve]:
    """How strong and how even each of `_curves` is; `which` (3, frames): spoken, with a pitch, and without."""
    counts = np.maximum(np.add.reduce(which, axis=1), 1)[:, None]
    means = which @ curves.T / counts
    even = spreads(means, which @ np.square(curves).T / counts)
    spoken, sung, rough = range(3)
    clear, loud = np.sort(curves[_CLEAR][which[sung]]), np.sort(curves[_LOUD][which[spoken]])
    low, middle, high = quantiles(loud, [0.2, 0.5, 0.8])
    beats_hz = peaks(smooth_loud, 0.5) / curves.shape[1] * _FRAMES_HZ
    return [
        np.array([means[sung, _PITCH], even[sung, _PITCH], means[sung, _CLEAR], even[sung, _CLEAR]]),
        np.array([*quantiles(clear, [0.2, 0.8]), even[spoken, _LOUD], low, middle, high, high - low, beats_hz]),
        np.array([means[sung, _LOUD], means[rough, _LOUD], means[spoken, _CHANGE], even[spoken, _CHANGE]]),
        np.array([means[sung, _CHANGE], even[sung, _CHANGE], means[rough, _CHANGE]]),
    ]


def _timbre(rows: Floats, semitones: Curve, sung: Places, rough: Places) -> list[Curve]:
    """How pressed, breathy or bright the throat is: slopes of the spectrum, harmonics, and the vowels' regions."""
    hz = A1_HZ * 2 ** (semitones[sung] / 12)
    places = np.rint(np.outer((1, 2), hz * (FFT / RATE_HZ))).astype(int)
    first, second = rows[sung, of.LOW.start + np.clip(places, 1, of.LOW_BINS - 1)]
    curves = np.empty((12, len(sung)), np.float32)
    columns = rows[sung, of.TILTS.start : of.REGIONS.stop].T
    tilts, vowels, regions = columns[:4], columns[4:7], columns[7:]
    curves[:4], curves[9:] = tilts, regions
    curves[4], curves[5], curves[6] = first - second, first - vowels[2], vowels[0] - first
    curves[7:9] = vowels[1:] - vowels[:-1]
    means, spread, _ = moments(curves)
    return [means, spread, np.add.reduce(rows[rough, of.TILTS]) / max(len(rough), 1)]


def _rhythm(energy: Floats, spoken: Mask, voiced: Mask) -> list[Curve]:
    """Syllables and pauses: lengths in frames, how many a second, and how energy comes and goes (0.4-15 Hz)."""
    frames = len(energy)
    longer = np.zeros(frames + 2, np.bool_)
    longer[1:-1] = voiced
    edges = np.flatnonzero(longer[1:] != longer[:-1])
    begins, ends = edges[::2], edges[1::2]
    swing = np.abs(np.fft.rfft(energy - np.add.reduce(energy) / frames, _SWING))[1:40].reshape(13, 3)
    shares = np.count_nonzero(voiced) / frames, np.count_nonzero(spoken) / frames
    return [
        np.array([len(begins) / frames * _FRAMES_HZ, *shares, np.log(frames)]),
        np.array([*mean_and_spread(ends - begins), *mean_and_spread(begins[1:] - ends[:-1])]),
        np.log(np.add.reduce(swing, axis=1) / 3 + 1e-3),
    ]


PROSODY = len(prosody(np.zeros(RATE_HZ, np.float32)))
"""How many numbers `prosody` gives."""
