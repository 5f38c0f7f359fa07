"""The cached views match the device's input, are computed once, and again when anything changes."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from convert.datasets.speech.clips import read_corpus
from convert.voice.augment import trim_silence
from convert.voice.augmented_copies import augment_spectrum, build_views
from device.perception.audio.log_mel import BANDS
from device.perception.models.inputs import WINDOW_FRAMES
from device.perception.voice.classifier import WINDOW
from device.perception.voice.input import voice_input


def test_a_view_is_the_devices_input_and_is_computed_once(corpora: Path, tmp_path: Path) -> None:
    clips = read_corpus(corpora / "speech", "savee", tmp_path)[:3]
    views = build_views(clips, [], 2, tmp_path)
    assert views.shape == (3, 3, WINDOW_FRAMES, BANDS, 2)
    for clip, own in zip(clips, views, strict=True):
        np.testing.assert_allclose(own[0], voice_input(trim_silence(clip.real)[-WINDOW:])[0], atol=2e-3)
        assert np.abs(own[1].astype(np.float32) - own[0]).mean() > 0.05
    (cached,) = tmp_path.glob("views-*.npy")
    made = cached.stat().st_mtime_ns
    np.testing.assert_array_equal(build_views(clips, [], 2, tmp_path), views)
    assert cached.stat().st_mtime_ns == made
    build_views([replace(clips[0], name="another"), *clips[1:]], [], 2, tmp_path)
    assert len(list(tmp_path.glob("views-*.npy"))) == 2
    assert not list(tmp_path.glob("*.partial"))


def test_an_augmented_view_differs_each_time_and_repeats_with_its_seed(corpora: Path, tmp_path: Path) -> None:
    clip = read_corpus(corpora / "speech", "savee", tmp_path)[0]
    view = voice_input(clip.real)[0]
    untouched = view.copy()
    rng = np.random.default_rng(0)
    first, second = augment_spectrum(view, rng), augment_spectrum(view, rng)
    assert first.shape == view.shape
    assert np.isfinite(first).all()
    assert np.abs(first - second).max() > 0.1
    np.testing.assert_array_equal(augment_spectrum(view, np.random.default_rng(0)), first)
    np.testing.assert_array_equal(view, untouched)
