"""The features of each frame of sound, in one row: all inputs of the voice networks are computed from it.

A row depends only on its frame and the frames next to it, not on where a window begins. So the rows of one window can
be used again in the next (`FrameCache`).
"""

import numpy as np

from device.emotions import Floats
from device.perception.audio.correlogram import CORRELOGRAM_WIDTH, correlogram_from_frames
from device.perception.audio.log_mel import (
    BANDS,
    FFT,
    PREEMPHASIS,
    emphasized_magnitudes,
    filterbank,
    log_mel_from_magnitudes,
)
from device.perception.audio.pitch import PITCH_WIDTH, pitch_per_frame
from device.perception.audio.stft import RATE_HZ, low_frames

CEPSTRA_COUNT = 16
LOW_BINS = 40
"""Bins of the spectrum that contain the first two harmonics of the highest voice."""

MEL = slice(0, BANDS)
"""`log_mel`."""
PERIODIC = slice(MEL.stop, MEL.stop + BANDS)
"""`correlogram`."""
LOW = slice(PERIODIC.stop, PERIODIC.stop + LOW_BINS)
"""The logarithm of the power in the lowest bins."""
CEPSTRA = slice(LOW.stop, LOW.stop + CEPSTRA_COUNT)
"""The cosine transform of the log-mel."""
ENERGY, PEAK, CENTRE, BRIGHT, SHARP, STEP = range(CEPSTRA.stop, CEPSTRA.stop + 6)
"""The mean of the log-mel; the peak of `pitch_per_frame`; by energy, the centre band, low over high bands, and highest
over all bands; and the change of the log-mel from frame to frame."""
TONE = slice(CEPSTRA.start, STEP + 1)
SEMITONES = STEP + 1
"""`pitch_per_frame`."""
LOUD, MAGNITUDE, CHANGE = range(SEMITONES + 1, SEMITONES + 4)
"""Perceived loudness (the cube root of each band's energy), the mean magnitude, and the change of the magnitudes."""
TILTS = slice(CHANGE + 1, CHANGE + 5)
"""The logarithm of low over high (energy below and above 1 kHz, strongest bin below and above 2 kHz); two slopes."""
VOWELS = slice(TILTS.stop, TILTS.stop + 3)
"""The logarithm of the strongest power in the regions of the first three formants."""
REGIONS = slice(VOWELS.stop, VOWELS.stop + 3)
"""The centres of gravity there, Hz."""
COLUMNS = REGIONS.stop

_HEARING = 0.33
"""Perceived loudness grows with energy to this power."""
_MIN_POWER = np.float32(1e-9)
_MIN_MAGNITUDE = 1e-6

_SCALE = np.sqrt(np.where(np.arange(CEPSTRA_COUNT), 2, 1) / BANDS)
_COSINES = np.asarray(
    np.cos(np.pi / BANDS * np.outer(np.arange(BANDS) + 0.5, np.arange(CEPSTRA_COUNT))) * _SCALE, np.float32
)
"""(BANDS, CEPSTRA_COUNT): the discrete cosine transform II, orthonormal."""
_TURN = np.exp(-2j * np.pi / FFT * np.arange(FFT // 2 + 1))
_DEEMPHASIS = np.asarray(1 / np.abs(1 - PREEMPHASIS * _TURN), np.float32)
"""(bins,): undoes the emphasis of `emphasized_magnitudes`."""
_PERCEIVED = np.asarray((np.square(_DEEMPHASIS) @ filterbank() / filterbank().sum(axis=0)) ** _HEARING, np.float32)
"""(BANDS,): the same for the perceived loudness of the bands. Most of it is in the low bands."""
_BAND = np.arange(BANDS)
_MEL_SUMS = np.stack([_BAND, _BAND < 14, _BAND >= 14, _BAND >= 24], axis=1).astype(np.float32)
"""(BANDS, 4): the weights of the sums by which dark and bright voices differ."""


def frame_rows(samples: Floats) -> Floats:
    """(samples,) float32 at 16 kHz -> (frame_count, COLUMNS) float32."""
    magnitude = emphasized_magnitudes(samples)
    mel = log_mel_from_magnitudes(magnitude)
    rows = np.empty((len(mel), COLUMNS), np.float32)
    rows[:, MEL] = mel
    for_correlogram, for_pitch = low_frames(samples, CORRELOGRAM_WIDTH, PITCH_WIDTH)
    rows[:, PERIODIC] = correlogram_from_frames(for_correlogram)
    rows[:, SEMITONES], rows[:, PEAK] = pitch_per_frame(for_pitch)
    _fill_from_mel(mel, rows)
    # Undo the emphasis in each bin. It is not quite the spectrum of the sound itself, but saves a second transform.
    magnitude *= _DEEMPHASIS
    _fill_from_magnitude(magnitude, rows)
    return rows


def _fill_from_mel(mel: Floats, rows: Floats) -> None:
    rows[:, CEPSTRA] = mel @ _COSINES
    rows[:, ENERGY] = np.add.reduce(mel, axis=1) / BANDS
    rows[:, LOUD] = np.exp(np.float32(_HEARING) * mel) @ _PERCEIVED
    rows[:, STEP] = _change(mel)
    moment, low, high, highest = (np.exp(mel) @ _MEL_SUMS).T
    rows[:, CENTRE] = moment / (low + high)
    rows[:, BRIGHT] = np.log(low / high)
    rows[:, SHARP] = np.log(highest / (low + high))


def _bins(low_hz: float, high_hz: float) -> slice:
    """The bins from `low_hz` to below `high_hz`."""
    return slice(-int(-low_hz * FFT // RATE_HZ), -int(-high_hz * FFT // RATE_HZ))


_HZ = np.asarray(np.arange(FFT // 2 + 1) * RATE_HZ / FFT, np.float32)
_EDGES = tuple(_bins(hz, hz).start for hz in (0, 300, 1000, 2000, 2300, 3500, 5000))
"""The bins at the borders of the regions of `_strongest`."""
_POWER_SUMS = np.zeros((FFT // 2 + 1, 2), np.float32)
"""(bins, 2): sums from 50 Hz to 1 kHz, and from 1 to 5 kHz."""
_POWER_SUMS[_bins(50, 1000), 0] = 1
_POWER_SUMS[_bins(1000, 5000), 1] = 1
_SLOPES = np.zeros((_bins(0, 1500).stop, 2), np.float32)
"""(bins below 1.5 kHz, 2): the least-squares slope of the logarithm below and above 500 Hz, per kilohertz."""
for _column, _part in enumerate((_bins(0, 500), _bins(500, 1500))):
    _away = (_HZ[_part] - _HZ[_part].mean()) / 1000
    _SLOPES[_part, _column] = _away / (_away**2).sum()
_MAGNITUDE_SUMS = np.zeros((FFT // 2 + 1, 7), np.float32)
"""(bins, 1 + 6): the mean, then the moment and then the mass of each of the REGIONS."""
_MAGNITUDE_SUMS[:, 0] = 1 / len(_MAGNITUDE_SUMS)
for _column, _part in enumerate((_bins(250, 1000), _bins(1000, 2500), _bins(2300, 3800))):
    _MAGNITUDE_SUMS[_part, 1 + _column] = _HZ[_part]
    _MAGNITUDE_SUMS[_part, 4 + _column] = 1


def _fill_from_magnitude(magnitude: Floats, rows: Floats) -> None:
    """Fill in the columns that are computed from (frames, FFT // 2 + 1) magnitudes."""
    strength = np.square(magnitude)
    sums = strength @ _POWER_SUMS
    low = np.log(strength[:, : len(_SLOPES)] + _MIN_POWER)
    rows[:, LOW] = low[:, :LOW_BINS]
    strongest = np.log(_strongest(strength) + _MIN_POWER)
    below, above = np.log(sums + _MIN_POWER * _POWER_SUMS.sum(axis=0)).T
    rows[:, TILTS.start] = below - above
    rows[:, TILTS.start + 1] = strongest[0] - strongest[1]
    rows[:, TILTS.start + 2 : TILTS.stop] = low @ _SLOPES
    rows[:, VOWELS] = strongest[2:].T
    means = magnitude @ _MAGNITUDE_SUMS + _MIN_MAGNITUDE * _MAGNITUDE_SUMS.sum(axis=0)
    rows[:, MAGNITUDE] = means[:, 0]
    rows[:, REGIONS] = means[:, 1:4] / means[:, 4:]
    rows[:, CHANGE] = _change(magnitude)


def _strongest(strength: Floats) -> Floats:
    """(5, frames): the strongest power below 2 kHz, from 2 to 5 kHz, and in each region of VOWELS."""
    *edges, end = _EDGES
    bass, first, under, over, third, high = np.maximum.reduceat(strength[:, :end], edges, axis=1).T
    second = np.maximum(under, over)
    whole = np.maximum(np.maximum(bass, first), under), np.maximum(np.maximum(over, third), high)
    return np.stack([*whole, first, second, third])


def _change(spectrum: Floats) -> Floats:
    """(frames,): the root mean square step from the frame before, over the bins; the first frame has the second's."""
    steps = spectrum[1:] - spectrum[:-1]
    size = np.sqrt(np.einsum("ij,ij->i", steps, steps) / spectrum.shape[1])
    return np.concatenate([size[:1], size]) if len(size) else np.zeros(1, np.float32)
