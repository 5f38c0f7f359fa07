"""The seeds' sound features, at 16 kHz, and D's augmentations."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.fft import dct
from scipy.signal import get_window, resample

from convert.reproduce import networks_a, networks_b, networks_d, networks_e
from device.emotions import Floats
from device.perception.audio.stft import RATE_HZ

_FIVE_S = 5 * RATE_HZ
_A_MFCC = 20
_D_MFCC, _D_MEL = 13, 15


def spectrum(samples: Floats, fft: int, hop: int, window: int | None = None, *, pad: bool = True) -> npt.NDArray:
    """Short-time Fourier transform (frames, fft // 2 + 1) complex, with a Hann window; `pad` extends both ends."""
    window = window or fft
    if pad:
        samples = np.pad(samples, window // 2)
    samples = fit_length(samples, max(len(samples), window))
    frames = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop]
    return np.fft.rfft(frames * get_window("hann", window), fft)


@lru_cache(maxsize=8)
def mel_filters(bands: int, fft: int, low_hz: float, high_hz: float) -> npt.NDArray[np.float64]:
    """Triangular mel filters (fft // 2 + 1, bands) on the HTK scale, with edges between the bins, as VGGish's."""
    places = 2595 * np.log10(1 + np.arange(fft // 2 + 1) * RATE_HZ / fft / 700)
    edges = np.linspace(2595 * np.log10(1 + low_hz / 700), 2595 * np.log10(1 + high_hz / 700), bands + 2)
    width = edges[1] - edges[0]
    return np.maximum(0, 1 - np.abs(places[:, None] - edges[None, 1:-1]) / width)


@lru_cache(maxsize=4)
def _pitch_classes(fft: int) -> npt.NDArray[np.float64]:
    """(fft // 2 + 1, 12): each bin from 60 Hz up belongs to the nearest of the twelve semitones."""
    frequencies = np.arange(fft // 2 + 1) * RATE_HZ / fft
    classes = np.zeros((len(frequencies), 12))
    audible = np.flatnonzero(frequencies >= 60)
    classes[audible, np.round(12 * np.log2(frequencies[audible] / 440)).astype(int) % 12] = 1
    return classes


def chroma(power: npt.NDArray[np.float64], fft: int) -> npt.NDArray[np.float64]:
    """(frames, 12): the share of each semitone in (frames, fft // 2 + 1), with the strongest at 1."""
    tones = power @ _pitch_classes(fft)
    return tones / np.maximum(tones.max(axis=1, keepdims=True), 1e-10)


def _log(power: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.log(power + 1e-6)


def mfcc(log_mel: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
    """(frames, count) cepstral coefficients of (frames, bands)."""
    return np.asarray(dct(log_mel, type=2, axis=1, norm="ortho")[:, :count])


def fit_length(samples: Floats, length: int = _FIVE_S) -> Floats:
    """Cut, or pad with silence, to `length` samples."""
    return np.pad(samples[:length], (0, max(length - len(samples), 0)))


def table_row(samples: Floats) -> Floats:
    """A's features of a clip: (162,) float32."""
    fft, hop = 1024, 256
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(samples, fft // 2), fft)[::hop]
    crossings = np.abs(np.diff(np.signbit(frames), axis=1)).mean()
    level = np.sqrt((frames**2).mean(axis=1)).mean()
    power = np.abs(spectrum(samples, fft, hop)) ** 2
    mel = _log(power @ mel_filters(128, fft, 0, RATE_HZ / 2))
    parts = [[crossings], chroma(power, fft).mean(axis=0), mfcc(mel, _A_MFCC).mean(axis=0), [level], mel.mean(axis=0)]
    row = np.concatenate(parts).astype(np.float32)
    assert row.shape == (networks_a.FEATURES,)
    return row


def mfcc_means(samples: Floats) -> Floats:
    """The features of B's first model: means and deviations of 40 MFCC, (80,) float32."""
    mel = _log(np.abs(spectrum(samples, 1024, 256)) ** 2 @ mel_filters(64, 1024, 0, RATE_HZ / 2))
    coefficients = mfcc(mel, networks_b.MFCC)
    return np.concatenate([coefficients.mean(axis=0), coefficients.std(axis=0)]).astype(np.float32)


def mel_picture(samples: Floats) -> Floats:
    """B's picture of five seconds: (1, 96, 431) float32 log-mel. Its steps of 512 at 44.1 kHz are 186 at 16 kHz."""
    power = np.abs(spectrum(fit_length(samples), 1024, 186)) ** 2
    picture = _log(power @ mel_filters(networks_b.BANDS, 1024, 0, RATE_HZ / 2)).T
    return picture[None, :, : networks_b.FRAMES].astype(np.float32)


def stacked_picture(samples: Floats) -> Floats:
    """D's picture of five seconds: (1, 40, 216) float32; 12 rows of STFT (semitones), 13 of MFCC and 15 of mel.

    Summing the STFT to semitones, and these shares of the 40 rows, are our interpretation. 216 is 5 s in steps of 512
    at 22.05 kHz, which are 372 at 16 kHz.
    """
    fft = 1024
    power = np.abs(spectrum(fit_length(samples), fft, 372)) ** 2
    mel = _log(power @ mel_filters(40, fft, 0, RATE_HZ / 2))
    few_bands = _log(power @ mel_filters(_D_MEL, fft, 0, RATE_HZ / 2))
    rows = np.concatenate([chroma(power, fft), mfcc(mel, _D_MFCC), few_bands], axis=1).T
    return rows[None, :, : networks_d.FRAMES].astype(np.float32)


def patches(samples: Floats) -> Floats:
    """VGGish's input: (k, 1, 96, 64) float32, every whole patch of 0.96 s, at least one.

    Source: the published front end (25 ms windows every 10 ms, magnitudes, 125-7,500 Hz, log of mel + 0.01).
    """
    fft, high = 512, 7500
    short = 95 * 160 + 400
    magnitudes = np.abs(spectrum(fit_length(samples, max(len(samples), short)), fft, 160, 400, pad=False))
    mel = np.log(magnitudes @ mel_filters(networks_e.PATCH_BANDS, fft, 125, high) + 0.01)
    count = len(mel) // networks_e.PATCH_FRAMES
    whole = mel[: count * networks_e.PATCH_FRAMES].reshape(count, 1, networks_e.PATCH_FRAMES, networks_e.PATCH_BANDS)
    return whole.astype(np.float32)


def mfcc_sequence(samples: Floats) -> Floats:
    """The input of E's LSTM: (150, 40) float32 MFCC every 32 ms; a longer sound is cut, a shorter one padded."""
    samples = fit_length(samples, networks_e.LSTM_FRAMES * 512)
    mel = _log(np.abs(spectrum(samples, 1024, 512)) ** 2 @ mel_filters(64, 1024, 0, RATE_HZ / 2))
    return mfcc(mel, networks_e.LSTM_FEATURES)[: networks_e.LSTM_FRAMES].astype(np.float32)


def stretch(samples: Floats, rate: float) -> Floats:
    """Stretch to 1 / `rate` of the time at the same pitch, by a phase vocoder (Flanagan and Golden 1966)."""
    fft, hop = 512, 128
    bins = spectrum(samples, fft, hop)
    at = np.arange(0, len(bins) - 1, rate)
    before, share = at.astype(int), (at % 1)[:, None]
    loudness = (1 - share) * np.abs(bins[before]) + share * np.abs(bins[before + 1])
    # Each bin's phase advances per frame as in the original, however far apart the frames are now.
    moved = np.angle(bins[before + 1]) - np.angle(bins[before])
    phase = np.angle(bins[:1]) + np.concatenate([np.zeros((1, bins.shape[1])), np.cumsum(moved[:-1], axis=0)])
    window = get_window("hann", fft)
    pieces = np.fft.irfft(loudness * np.exp(1j * phase), fft) * window
    length = hop * (len(pieces) - 1) + fft
    total, weight = np.zeros(length), np.zeros(length)
    for i, piece in enumerate(pieces):
        total[i * hop : i * hop + fft] += piece
        weight[i * hop : i * hop + fft] += window**2
    return (total / np.maximum(weight, 1e-3))[fft // 2 : -fft // 2].astype(np.float32)


def shift_pitch(samples: Floats, semitones: float) -> Floats:
    """Shift the pitch by `semitones` at the same length: stretch, then resample."""
    factor = 2 ** (semitones / 12)
    slow = stretch(samples, 1 / factor)
    return np.asarray(resample(slow, max(round(len(slow) / factor), 1)), np.float32)


def add_noise(samples: Floats, rng: np.random.Generator) -> Floats:
    """Add white noise of up to 3.5 % of the peak."""
    level = 0.035 * rng.random() * float(np.abs(samples).max(initial=0.0))
    return (samples + level * rng.normal(size=len(samples))).astype(np.float32)
