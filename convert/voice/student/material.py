"""The student's training material: views of each clip, with the teacher's output for its frames and its whole."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from convert.datasets.speech.clips import Clip
from convert.voice.student.input import FRAMES, pad_to_length, student_input
from convert.voice.student.views import COLUMNS, VIEWS, load_view
from convert.voice.teacher.corpora import CORPORA, read_clips
from convert.voice.teacher.frames import TeacherFrames, load_teacher_frames
from convert.voice.teacher.projection import COMPONENTS
from device.emotions import Floats
from device.perception.audio.log_mel import BANDS

POOLED = 256
"""Components of the teacher's means and deviations over a clip."""
_AS_IT_IS = 0.2
"""The share of draws that use the unchanged clip, in addition to its share of the others."""
_MIN_FRAMES = 50
"""A window that runs past the end of a long clip contains at least this many of its frames: one second."""


@dataclass(frozen=True)
class Batch:
    """n windows of clips, padded to the longest of them: t frames."""

    x: Floats
    """(n, t, COLUMNS)."""
    inside: Floats
    """(n, t): 1 inside the clip, 0 in the padding."""
    frames: Floats
    """(n, t, COMPONENTS): the teacher's output, 0 in the padding."""
    pooled: Floats
    """(n, POOLED): the teacher's output for the whole clip."""
    clip: npt.NDArray[np.int64]
    """(n,): the index of each window's clip."""


@dataclass(frozen=True)
class Material:
    """All clips, with the teacher's output and the views that were computed beforehand."""

    clips: list[Clip]
    """Without their samples."""
    corpus: npt.NDArray[np.int64]
    """(clips,): index of CORPORA."""
    index: npt.NDArray[np.int64]
    """(clips,): index in the corpus."""
    teacher: dict[tuple[int, int], TeacherFrames]
    """By corpus and copy."""
    views: dict[tuple[int, int], list[npt.NDArray[np.float16]]]
    """By corpus and copy: one array per view."""

    def window(self, clip: int, copy: int) -> slice:
        """The frames of `copy` of a clip, as a slice of its corpus's arrays."""
        ends = self.teacher[int(self.corpus[clip]), copy].ends
        at = int(self.index[clip])
        return slice(int(ends[at - 1]) if at else 0, int(ends[at]))

    def view(self, clip: int, copy: int, number: int) -> Floats:
        """One view (t, COLUMNS) of a whole clip."""
        rows = self.views[int(self.corpus[clip]), copy][number]
        return np.asarray(rows[self.window(clip, copy)], np.float32)

    def copies(self, clip: int) -> int:
        """The number of copies of a clip."""
        return sum((int(self.corpus[clip]), copy) in self.views for copy in range(len(VIEWS)))

    def statistics(self, clips: npt.NDArray[np.int64], copy: int = 0) -> Floats:
        """(n, values): mean and deviation of the teacher's blocks over each of `clips`."""
        rows = [self.teacher[int(self.corpus[c]), copy].statistics[self.index[c]].ravel() for c in clips]
        return np.asarray(rows, np.float32)


def load_material(data: Path, cache: Path, corpora: Sequence[str] = CORPORA, copies: int = len(VIEWS)) -> Material:
    """Read the clips of `corpora`, and load those of the first `copies` and of the views that every corpus has."""
    clips: list[Clip] = []
    corpus: list[int] = []
    index: list[int] = []
    teacher, views = {}, {}
    numbers = [
        [n for n in range(VIEWS[copy]) if all((cache / f"view-{c}-{copy}-{n}.npy").exists() for c in corpora)]
        for copy in range(copies)
    ]
    for name in corpora:
        number = CORPORA.index(name)
        own = _read_clips_without_samples(data, name, cache)
        clips += own
        corpus += [number] * len(own)
        index += range(len(own))
        for copy in range(copies):
            if numbers[copy]:
                teacher[number, copy] = load_teacher_frames(cache, name, copy)
                views[number, copy] = [load_view(cache, name, copy, n) for n in numbers[copy]]
    return Material(clips, np.array(corpus), np.array(index), teacher, views)


def _read_clips_without_samples(data: Path, corpus: str, cache: Path) -> list[Clip]:
    """The clips of a corpus. Their samples, which are no longer needed, are dropped."""
    nothing = np.zeros(0, np.int16)
    return [
        Clip(c.name, c.corpus, c.speaker, c.sex, c.emotion, nothing, c.own, c.statement, c.intensity)
        for c in read_clips(data, corpus, cache)
    ]


@dataclass(frozen=True)
class Targets:
    """The scales of the teacher's values in the loss: halfway to equal variance, with a mean of one."""

    frame_scale: Floats
    """(COMPONENTS,)."""
    centre: Floats
    """(values,): the mean of the statistics."""
    components: Floats
    """(values, POOLED)."""
    pooled_scale: Floats
    """(POOLED,): the factors that `pooled` was multiplied by."""

    def natural(self, pooled: Floats) -> Floats:
        """(n, POOLED) on the teacher's own scales again, for heads."""
        return np.asarray(pooled / self.pooled_scale, np.float32)

    def pooled(self, statistics: Floats) -> Floats:
        """(n, values) -> (n, POOLED)."""
        return np.asarray((statistics - self.centre) @ self.components, np.float32)


def fit_targets(material: Material, learners: npt.NDArray[np.int64], components: int = POOLED) -> Targets:
    """Fit the targets on the training clips only."""
    from sklearn.utils.extmath import randomized_svd

    rng = np.random.default_rng(0)
    some = rng.choice(learners, min(len(learners), 1500), replace=False)
    rows = [material.teacher[int(material.corpus[c]), 0].clip(int(material.index[c])) for c in some]
    frame_scale = _half_whiten(np.concatenate(rows).astype(np.float32).std(axis=0))
    values = material.statistics(learners)
    centre, scale = values.mean(axis=0), values.std(axis=0) + 1e-6
    _, strength, vectors = randomized_svd((values - centre) / scale, components, n_iter=3, random_state=0)
    weight = _half_whiten(strength / np.sqrt(len(values)))
    return Targets(frame_scale, centre, np.asarray(vectors.T / scale[:, None] * weight, np.float32), weight)


def _half_whiten(deviations: Floats) -> Floats:
    """Factors that turn `deviations` into their square roots, normalized to one over all."""
    factors = 1 / np.sqrt(deviations)
    return np.asarray(factors / np.sqrt(np.mean((deviations * factors) ** 2)), np.float32)


class Sampler:
    """Draws windows of clips from any of their copies and views, and applies a final, cheap augmentation."""

    def __init__(self, material: Material, targets: Targets) -> None:
        self._material, self._targets = material, targets
        all_clips = np.arange(len(material.clips))
        copies = max(copy for _, copy in material.views) + 1
        self._pooled = [targets.pooled(material.statistics(all_clips, copy)) for copy in range(copies)]

    def batches(
        self, clips: npt.NDArray[np.int64], size: int, rng: np.random.Generator, pool: int = 16
    ) -> Iterator[Batch]:
        """A window of each of `clips`, `size` at a time. Clips are sorted by length over `pool` batches."""
        for start in range(0, len(clips) - size + 1, pool * size):
            drawn = [self._draw(clip, rng) for clip in clips[start : start + pool * size].tolist()]
            drawn.sort(key=lambda one: one.stop - one.begin)
            parts = [drawn[i : i + size] for i in range(0, len(drawn) - size + 1, size)]
            for place in rng.permutation(len(parts)).tolist():
                yield self._batch(parts[place], rng)

    def _draw(self, clip: int, rng: np.random.Generator) -> "_Drawn":
        copies = self._material.copies(clip)
        copy = 0 if rng.random() < _AS_IT_IS else int(rng.integers(copies))
        views = self._material.views[int(self._material.corpus[clip]), copy]
        whole = self._material.window(clip, copy)
        return _Drawn(clip, copy, int(rng.integers(len(views))), *_draw_window(whole.stop - whole.start, rng))

    def _batch(self, drawn: "list[_Drawn]", rng: np.random.Generator) -> Batch:
        n, t = len(drawn), max(one.stop - one.begin for one in drawn)
        x, inside = np.empty((n, t, COLUMNS), np.float32), np.zeros((n, t), np.float32)
        frames, pooled = np.zeros((n, t, COMPONENTS), np.float32), np.empty((n, self._pooled[0].shape[1]), np.float32)
        for row, one in enumerate(drawn):
            view = self._material.view(one.clip, one.copy, one.view)[one.begin : one.stop]
            teacher = self._material.teacher[int(self._material.corpus[one.clip]), one.copy]
            teacher_frames = teacher.clip(int(self._material.index[one.clip]))[one.begin : one.stop]
            window, place = pad_to_length(recolour(student_input(view), rng), t)
            x[row], inside[row, place] = window, 1
            frames[row, place] = teacher_frames * self._targets.frame_scale
            pooled[row] = self._pooled[one.copy][one.clip]
        return Batch(x, inside, frames, pooled, np.array([one.clip for one in drawn]))


@dataclass(frozen=True)
class _Drawn:
    """A window of one clip: frames `begin` to `stop` of one copy and view."""

    clip: int
    copy: int
    view: int
    begin: int
    stop: int


def _draw_window(length: int, rng: np.random.Generator) -> tuple[int, int]:
    if length <= FRAMES:
        return 0, length
    begin = int(rng.integers(length - _MIN_FRAMES)) if rng.random() < 0.2 else int(rng.integers(length - FRAMES + 1))
    return begin, min(begin + FRAMES, length)


def recolour(scaled: Floats, rng: np.random.Generator) -> Floats:
    """A window (t, COLUMNS) as another microphone records it, with some bands and moments masked (SpecAugment)."""
    frames, columns = scaled.shape
    if rng.random() < 0.6:
        curve = np.interp(np.linspace(0, 5, BANDS), np.arange(6), rng.normal(0, 0.35, 6)).astype(np.float32)
        scaled[:, :BANDS] += curve
        scaled[:, 2 * BANDS :] += curve[0]
    if rng.random() < 0.5:
        width = int(rng.integers(BANDS // 5))
        start = int(rng.integers(BANDS - width))
        scaled[:, start : start + width] = 0
    if rng.random() < 0.5:
        width = int(rng.integers(min(12, frames // 4)))
        start = int(rng.integers(frames - width))
        scaled[start : start + width] = 0
    if rng.random() < 0.15:
        scaled[:, 2 * BANDS : columns] = 0
    return scaled
