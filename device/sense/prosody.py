"""How something was said, as a row of numbers: pitch, loudness, tone and rhythm over a whole utterance.

Functionals (mean, spread, quantiles, slopes) of curves over time, in the manner of Eyben et al. 2016, "The Geneva
minimalistic acoustic parameter set (GeMAPS) for voice research and affective computing". The picture of a voice tells
the phrase and the throat too; set beside how the same person usually sounds (`VoiceBaseline`), these tell the feeling.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from device.emotions import Floats
from device.sense.features import FFT, FRAME, HOP, RATE_HZ, filterbank, frame_count, log_mel
from device.sense.pitch import pitch

_CEPSTRA = 16
_HZ = np.arange(FFT // 2 + 1) * RATE_HZ / FFT
_SPEECH_DEPTH = 4.0
"""Frames weaker than the strong ones by more than this (natural logarithm of energy: 17 dB) are pauses."""
_VOICED = 0.55
"""Height of the autocorrelation's peak from which on a frame has a pitch."""
_THIRDS = 3

Curve = npt.NDArray[np.floating]


def prosody(samples: Floats, measure: Callable[[Floats], tuple[Floats, Floats]] = pitch) -> Floats:
    """(samples,) float32 at 16 kHz, one utterance without the quiet around it -> (PROSODY,) float32, all finite.

    `measure` is `pitch`, or a `Pitch` where windows of one voice follow one another.
    """
    mel = log_mel(samples)
    spectrum = _spectrum(samples)
    semitones, peak = measure(samples)
    energy = mel.mean(axis=1)
    spoken = energy > np.quantile(energy, 0.9) - _SPEECH_DEPTH
    voiced = spoken & (peak > _VOICED)
    if voiced.sum() < 8:  # a whisper: the most tonal of it
        voiced = spoken & (peak >= np.quantile(peak[spoken], 0.6))
    level = energy[energy >= np.quantile(energy[spoken], 0.8)].mean()
    parts = [
        *_tone(mel[spoken] - level, energy[spoken] - level, semitones[spoken], peak[spoken]),
        *_melody(semitones, peak, voiced),
        *_loudness(spectrum, spoken, voiced),
        *_timbre(spectrum, semitones, spoken, voiced),
        *_rhythm(energy, spoken, voiced),
    ]
    return np.asarray(np.nan_to_num(np.concatenate([np.atleast_1d(part) for part in parts])), np.float32)


def _spectrum(samples: Floats) -> Floats:
    """(frames, bins) magnitudes, without the pre-emphasis of `log_mel`: loudness lies in the low bands."""
    frames = frame_count(len(samples))
    padded = np.zeros((frames - 1) * HOP + FRAME, np.float32)
    padded[: len(samples)] = samples
    framed = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP] * np.hamming(FRAME).astype(np.float32)
    return np.asarray(np.abs(np.fft.rfft(framed, FFT)), np.float32)


@lru_cache(maxsize=1)
def _cosines() -> Floats:
    """(bands, _CEPSTRA): the discrete cosine transform II, orthonormal."""
    bands = 40
    angles = np.pi / bands * np.outer(np.arange(bands) + 0.5, np.arange(_CEPSTRA))
    scale = np.full(_CEPSTRA, np.sqrt(2 / bands))
    scale[0] = np.sqrt(1 / bands)
    return np.asarray(np.cos(angles) * scale, np.float32)


def _tone(mel: Floats, energy: Floats, semitones: Floats, peak: Floats) -> list[Curve]:
    """The spectrum's shape over the frames in which somebody speaks, as a whole and from third to third."""
    cepstra = mel @ _cosines()
    power = np.exp(mel)
    total = power.sum(axis=1)
    centre = power @ np.arange(mel.shape[1]) / total
    bright = np.log(power[:, :14].sum(axis=1)) - np.log(power[:, 14:].sum(axis=1))
    sharp = np.log(power[:, 24:].sum(axis=1)) - np.log(total)
    flux = _led(np.abs(np.diff(mel, axis=0)).mean(axis=1))
    curves = np.stack([energy, peak, centre, bright, sharp, flux], axis=1)
    course = np.concatenate([np.stack([energy, centre, peak, bright, semitones], axis=1), cepstra[:, :6]], axis=1)
    thirds = [part.mean(axis=0) - course.mean(axis=0) for part in np.array_split(course, _THIRDS) if len(part)]
    thirds += [np.zeros(course.shape[1])] * (_THIRDS - len(thirds))
    return [_functionals(cepstra), _functionals(curves), *thirds]


def _melody(semitones: Floats, peak: Floats, voiced: npt.NDArray[np.bool_]) -> list[Curve]:
    """How high, how far up and down, how fast, and how clear."""
    sung = semitones[voiced] if voiced.sum() > 1 else np.repeat(semitones[voiced][:1], 2)
    low, lower, middle, upper, high = np.quantile(sung, [0.05, 0.2, 0.5, 0.8, 0.95])
    harmonic_db = 10 * np.log10(peak[voiced] / (1 - peak[voiced]))
    steps = np.abs(np.diff(semitones))[voiced[1:] & voiced[:-1]]
    steps = steps[steps < 2]
    return [
        np.array([sung.mean(), sung.std(), low, lower, middle, upper, high, upper - lower, high - low]),
        _slopes(_smooth(semitones, 3), voiced),
        _slopes(_smooth(semitones, 7), voiced),
        _functionals(sung[:, None])[[2, 4, 5, 6]],
        np.array([harmonic_db.mean(), harmonic_db.std(), *np.quantile(harmonic_db, [0.2, 0.8])]),
        _mean_and_spread(steps),
    ]


def _loudness(spectrum: Floats, spoken: npt.NDArray[np.bool_], voiced: npt.NDArray[np.bool_]) -> list[Curve]:
    """Loudness as it is heard (the cube root of each band's energy) over its own mean, and the spectrum's change."""
    loud = ((spectrum**2 @ _bands()) ** 0.33).sum(axis=1)
    loud = loud / (loud[spoken].mean() + 1e-9)
    low, middle, high = np.quantile(loud[spoken], [0.2, 0.5, 0.8])
    beats = _peaks(_smooth(loud, 5), 0.5) / len(loud) * RATE_HZ / HOP
    even = spectrum / (spectrum[spoken].mean() + 1e-9)
    flux = _led(np.sqrt((np.diff(even, axis=0) ** 2).mean(axis=1)))
    everywhere = np.ones(len(loud), bool)
    rough = spoken & ~voiced
    return [
        np.array([loud[spoken].std(), low, middle, high, high - low, beats, _mean(loud[voiced]), _mean(loud[rough])]),
        _slopes(_smooth(loud, 3), everywhere),
        _slopes(_smooth(loud, 9), everywhere),
        _mean_and_spread(flux[spoken]),
        _mean_and_spread(flux[voiced]),
        np.array([_mean(flux[rough])]),
    ]


@lru_cache(maxsize=1)
def _bands() -> Floats:
    """(bins, 26) mel filters from 20 Hz on."""
    return np.asarray(filterbank(26, FFT, RATE_HZ, 20.0), np.float32)


def _timbre(
    spectrum: Floats, semitones: Floats, spoken: npt.NDArray[np.bool_], voiced: npt.NDArray[np.bool_]
) -> list[Curve]:
    """How pressed, breathy or bright the throat is: slopes of the spectrum, harmonics, and the vowels' regions."""
    power = spectrum**2 + 1e-9
    tilts = np.stack(
        [
            _level(power, 50, 1000) - _level(power, 1000, 5000),
            _strongest(power, 0, 2000) - _strongest(power, 2000, 5000),
            _slope(power, 0, 500),
            _slope(power, 500, 1500),
        ],
        axis=1,
    )
    tone_hz = 27.5 * 2 ** (semitones / 12)
    rows = np.arange(len(power))
    first, second = (
        np.log(power[rows, np.clip(np.rint(k * tone_hz * FFT / RATE_HZ).astype(int), 1, 250)]) for k in (1, 2)
    )
    vowels = [_strongest(power, *edges) for edges in ((300, 1000), (1000, 2300), (2300, 3500))]
    harmonics = np.stack(
        [first - second, first - vowels[2], vowels[0] - first, vowels[1] - vowels[0], vowels[2] - vowels[1]], axis=1
    )
    regions = np.stack([_centre(spectrum, *edges) for edges in ((250, 1000), (1000, 2500), (2300, 3800))], axis=1)
    rough = spoken & ~voiced
    found = [part for curves in (tilts, harmonics, regions) for part in (curves[voiced].mean(0), curves[voiced].std(0))]
    return [*found, tilts[rough].mean(axis=0) if rough.sum() > 2 else np.zeros(4)]


def _rhythm(energy: Floats, spoken: npt.NDArray[np.bool_], voiced: npt.NDArray[np.bool_]) -> list[Curve]:
    """Syllables and pauses: lengths in frames, how many a second, and how energy comes and goes (0.4-15 Hz)."""
    edges = np.diff(np.concatenate([[0], voiced.astype(int), [0]]))
    begins, ends = np.flatnonzero(edges > 0), np.flatnonzero(edges < 0)
    frames = len(energy)
    swing = np.abs(np.fft.rfft(energy - energy.mean(), 256))[1:40].reshape(13, 3).mean(axis=1)
    return [
        np.array([len(begins) / frames * RATE_HZ / HOP, voiced.mean(), spoken.mean(), np.log(frames)]),
        _mean_and_spread(ends - begins),
        _mean_and_spread(begins[1:] - ends[:-1]),
        np.log(swing + 1e-3),
    ]


def _functionals(curves: Curve) -> Curve:
    """(frames, k) -> (7 k,): mean, spread, quantiles 0.1, 0.5 and 0.9, trend, and mean step from frame to frame."""
    if len(curves) < 2:
        curves = np.repeat(curves[:1], 2, axis=0)
    time = np.linspace(-1, 1, len(curves))[:, None]
    trend = (curves * time).mean(axis=0) / (time**2).mean()
    spread = np.quantile(curves, [0.1, 0.5, 0.9], axis=0)
    steps = np.abs(np.diff(curves, axis=0)).mean(axis=0)
    return np.concatenate([curves.mean(axis=0), curves.std(axis=0), spread.ravel(), trend, steps])


def _slopes(curve: Curve, where: npt.NDArray[np.bool_]) -> Curve:
    """(5,): rises (mean, spread), falls (mean, spread) and the share of rises, between neighbours in `where`."""
    steps = np.diff(curve)[where[1:] & where[:-1]]
    share = float((steps > 0).mean()) if len(steps) else 0.5
    return np.array([*_mean_and_spread(steps[steps > 0]), *_mean_and_spread(steps[steps < 0]), share])


def _mean_and_spread(values: npt.NDArray[np.number]) -> Curve:
    return np.array([values.mean(), values.std()]) if len(values) else np.zeros(2)


def _mean(values: Curve) -> float:
    return float(values.mean()) if len(values) else 0.0


def _led(steps: Curve) -> Curve:
    """One longer: the first frame has no step to it, and takes the next one's."""
    return np.concatenate([steps[:1], steps]) if len(steps) else np.zeros(1)


def _smooth(curve: Curve, frames: int) -> Curve:
    return np.convolve(np.pad(curve, frames // 2, mode="edge"), np.full(frames, 1 / frames), "valid")


def _peaks(curve: Curve, least: float) -> int:
    middle = curve[1:-1]
    return int(((middle > curve[:-2]) & (middle > curve[2:]) & (middle > least)).sum())


def _band(low_hz: float, high_hz: float) -> npt.NDArray[np.bool_]:
    return (low_hz <= _HZ) & (high_hz > _HZ)


def _level(power: Floats, low_hz: float, high_hz: float) -> Floats:
    return np.asarray(np.log(power[:, _band(low_hz, high_hz)].sum(axis=1)))


def _strongest(power: Floats, low_hz: float, high_hz: float) -> Floats:
    return np.asarray(np.log(power[:, _band(low_hz, high_hz)].max(axis=1)))


def _slope(power: Floats, low_hz: float, high_hz: float) -> Curve:
    """The logarithm's least-squares slope, a kilohertz."""
    band = _band(low_hz, high_hz)
    away = (_HZ[band] - _HZ[band].mean()) / 1000
    return np.asarray(np.log(power[:, band]) @ away / (away**2).sum())


def _centre(spectrum: Floats, low_hz: float, high_hz: float) -> Curve:
    """The centre of gravity of the magnitudes in a region, Hz: where a vowel's formant stands."""
    band = _band(low_hz, high_hz)
    inside = spectrum[:, band] + 1e-6
    return np.asarray(inside @ _HZ[band] / inside.sum(axis=1))


PROSODY = len(prosody(np.zeros(RATE_HZ, np.float32)))
"""How many numbers `prosody` gives."""
