"""How something was said, as a row of numbers: pitch, loudness, tone and rhythm over a whole utterance.

Functionals (mean, spread, quantiles, slopes) of curves over time, in the manner of Eyben et al. 2016, "The Geneva
minimalistic acoustic parameter set (GeMAPS) for voice research and affective computing". The picture of a voice tells
the phrase and the throat too; set beside how the same person usually sounds (`VoiceBaseline`), these tell the feeling.
"""

import itertools

import numpy as np

from device.emotions import Floats
from device.sense.sound import frames as of
from device.sense.sound.frames import frame_rows
from device.sense.sound.framing import HOP, RATE_HZ
from device.sense.sound.functionals import (
    Curve,
    Mask,
    functionals,
    mean,
    mean_and_spread,
    moments,
    peaks,
    quantiles,
    slopes,
    smooth,
)
from device.sense.sound.log_mel import BANDS, FFT
from device.sense.sound.pitch import A1_HZ, without_leaps

_SPEECH_DEPTH = 4.0
"""Frames weaker than the strong ones by more than this (natural logarithm of energy: 17 dB) are pauses."""
_VOICED = 0.55
"""Height of the autocorrelation's peak from which on a frame has a pitch."""
_THIRDS = 3
_FRAMES_HZ = RATE_HZ / HOP


def prosody(samples: Floats) -> Floats:
    """(samples,) float32 at 16 kHz, one utterance without the quiet around it -> (PROSODY,) float32, all finite."""
    return prosody_of(frame_rows(samples))


def prosody_of(rows: Floats) -> Floats:
    """The same from the utterance's `frame_rows` (frames, COLUMNS)."""
    energy, peak = rows[:, of.ENERGY], rows[:, of.PEAK]
    semitones = without_leaps(rows[:, of.SEMITONES]).astype(np.float64)
    spoken = energy > quantiles(np.sort(energy), [0.9])[0] - _SPEECH_DEPTH
    voiced = spoken & (peak > _VOICED)
    if voiced.sum() < 8:  # a whisper: the most tonal of it
        voiced = spoken & (peak >= quantiles(np.sort(peak[spoken]), [0.6])[0])
    rough = spoken & ~voiced
    parts = [
        *_tone(rows[spoken], semitones[spoken]),
        *_melody(semitones, peak, voiced),
        *_loudness(rows, spoken, voiced, rough),
        *_timbre(rows, semitones, voiced, rough),
        *_rhythm(energy, spoken, voiced),
    ]
    return np.nan_to_num(np.concatenate(parts).astype(np.float32))


def _tone(rows: Floats, semitones: Curve) -> list[Curve]:
    """The spectrum's shape over the frames in which somebody speaks, as a whole and from third to third."""
    energy, mel = rows[:, of.ENERGY], rows[:, of.MEL]
    level = energy[energy >= quantiles(np.sort(energy), [0.8])[0]].mean()
    steps = np.abs(mel[1:] - mel[:-1]).mean(axis=1)
    curves = np.concatenate([rows[:, of.TONE].T, np.zeros((1, len(rows)), np.float32)])
    curves[0] -= level * np.float32(np.sqrt(BANDS))  # loudness is the cosine transform's first number
    curves[of.CEPSTRA_COUNT] -= level
    curves[-1, 1:], curves[-1, :1] = steps, steps[:1] if len(steps) else 0
    said = functionals(curves)
    energy, peak, centre, bright = curves[of.CEPSTRA_COUNT :][:4]
    course = np.stack([energy, centre, peak, bright, semitones, *curves[:6]])
    whole = course.sum(axis=1) / course.shape[1]
    ends = [-(-len(rows) * k // _THIRDS) for k in range(_THIRDS + 1)]
    parts = [course[:, begin:end] for begin, end in itertools.pairwise(ends)]
    thirds = [part.sum(axis=1) / part.shape[1] - whole if part.size else np.zeros(len(whole)) for part in parts]
    return [said[:, : of.CEPSTRA_COUNT].ravel(), said[:, of.CEPSTRA_COUNT :].ravel(), *thirds]


def _melody(semitones: Curve, peak: Floats, voiced: Mask) -> list[Curve]:
    """How high, how far up and down, how fast, and how clear."""
    sung = semitones[voiced]
    low, lower, middle, upper, high = quantiles(np.sort(sung), [0.05, 0.2, 0.5, 0.8, 0.95])
    clear = peak[voiced]
    harmonic_db = 10 * np.log10(clear / (1 - clear))
    steps = np.abs(semitones[1:] - semitones[:-1])[voiced[1:] & voiced[:-1]]
    return [
        np.array([*mean_and_spread(sung), low, lower, middle, upper, high, upper - lower, high - low]),
        np.array(slopes(smooth(semitones, 3), voiced)),
        np.array(slopes(smooth(semitones, 7), voiced)),
        functionals(sung[None])[[2, 4, 5, 6], 0],
        np.array([*mean_and_spread(harmonic_db), *quantiles(np.sort(harmonic_db), [0.2, 0.8])]),
        np.array(mean_and_spread(steps[steps < 2])),
    ]


def _loudness(rows: Floats, spoken: Mask, voiced: Mask, rough: Mask) -> list[Curve]:
    """Loudness as it is heard, over its own mean, and the spectrum's change."""
    loud = rows[:, of.LOUD].astype(np.float64)
    loud /= mean(loud[spoken]) + 1e-9
    flux = rows[:, of.CHANGE] / (mean(rows[spoken, of.MAGNITUDE]) + 1e-9)
    said = loud[spoken]
    low, middle, high = quantiles(np.sort(said), [0.2, 0.5, 0.8])
    beats = peaks(smooth(loud, 5), 0.5) / len(loud) * _FRAMES_HZ
    return [
        np.array([mean_and_spread(said)[1], low, middle, high, high - low, beats]),
        np.array([mean(loud[voiced]), mean(loud[rough])]),
        np.array(slopes(smooth(loud, 3))),
        np.array(slopes(smooth(loud, 9))),
        np.array([*mean_and_spread(flux[spoken]), *mean_and_spread(flux[voiced]), mean(flux[rough])]),
    ]


def _timbre(rows: Floats, semitones: Curve, voiced: Mask, rough: Mask) -> list[Curve]:
    """How pressed, breathy or bright the throat is: slopes of the spectrum, harmonics, and the vowels' regions."""
    sung = rows[voiced]
    tone_bins = A1_HZ * FFT / RATE_HZ * 2 ** (semitones[voiced] / 12)
    places = np.clip(np.rint(np.stack([tone_bins, 2 * tone_bins])).astype(int), 1, of.LOW_BINS - 1)
    first, second = sung[np.arange(len(sung)), of.LOW.start + places]
    vowels = sung[:, of.VOWELS].T
    harmonics = [first - second, first - vowels[2], vowels[0] - first, vowels[1] - vowels[0], vowels[2] - vowels[1]]
    means, spreads, _ = moments(np.concatenate([sung[:, of.TILTS].T, harmonics, sung[:, of.REGIONS].T]))
    tilts, throat, regions = slice(4), slice(4, 9), slice(9, 12)
    found = [numbers[which] for which in (tilts, throat, regions) for numbers in (means, spreads)]
    return [*found, rows[rough, of.TILTS].mean(axis=0) if rough.sum() > 2 else np.zeros(4)]


def _rhythm(energy: Floats, spoken: Mask, voiced: Mask) -> list[Curve]:
    """Syllables and pauses: lengths in frames, how many a second, and how energy comes and goes (0.4-15 Hz)."""
    edges = np.diff(np.concatenate([[0], voiced.astype(np.int8), [0]]))
    begins, ends = np.flatnonzero(edges > 0), np.flatnonzero(edges < 0)
    frames = len(energy)
    swing = np.abs(np.fft.rfft(energy - mean(energy), 256))[1:40].reshape(13, 3).mean(axis=1)
    return [
        np.array([len(begins) / frames * _FRAMES_HZ, voiced.sum() / frames, spoken.sum() / frames, np.log(frames)]),
        np.array([*mean_and_spread(ends - begins), *mean_and_spread(begins[1:] - ends[:-1])]),
        np.log(swing + 1e-3),
    ]


PROSODY = len(prosody(np.zeros(RATE_HZ, np.float32)))
"""How many numbers `prosody` gives."""
