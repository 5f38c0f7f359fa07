"""The training, validation and test rows of the experiments."""

from pathlib import Path

import numpy as np
import pytest

from convert.datasets.speech.clips import Clip
from convert.voice.protocols import RUNS, split_share
from device.errors import MediaError

pytestmark = pytest.mark.convert
torch = pytest.importorskip("torch", reason="the training environment: make test-convert")
pytest.importorskip("sklearn", reason="the training environment: make test-convert")
pytest.importorskip("matplotlib", reason="the training environment: make test-convert")

from convert.reproduce import splits  # noqa: E402
from convert.reproduce.training import Part, Parts  # noqa: E402


def clips(count: int, corpus: str) -> list[Clip]:
    silence = np.zeros(4, np.int16)
    return [Clip(f"03-01-{i % 8 + 1:02d}-{corpus}-{i}", corpus, "one", "F", i % 7, silence) for i in range(count)]


def test_a_random_split_is_repeatable_and_complete() -> None:
    spoken = clips(500, "speech")
    parts = splits.split_randomly(spoken)
    assert [c.name for part in parts for c in part] == [c.name for c in sorted(spoken, key=split_share)]
    for part, share in zip(parts, (0.6, 0.2, 0.2), strict=True):
        assert len(part) / 500 == pytest.approx(share, abs=0.06)
    # A clip's part does not depend on other clips: Mien's own random protocol has the same test clips.
    few = splits.split_randomly(spoken[:100])
    assert {c.name for c in few[2]} == {c.name for c in parts[2]} & {c.name for c in spoken[:100]}
    assert {c.name for c in few[2]} == {c.name for c in spoken[:100] if RUNS["voice-random"].tests(c)}
    quarter = splits.split_randomly(spoken, test_from=0.75)
    assert quarter[0] == parts[0]
    assert len(quarter[2]) / 500 == pytest.approx(0.25, abs=0.06)


def test_both_is_speech_and_song_and_no_clip_changes_its_part(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    corpora = splits.Corpora(tmp_path)
    monkeypatch.setattr(corpora, "clips", lambda name: clips(40 if "song" in name else 60, name))
    for i in range(3):
        alone = [c.name for which in ("speech", "song") for c in corpora.ravdess(which)[i]]
        assert [c.name for c in corpora.ravdess("both")[i]] == alone


def test_ferplus_trains_on_the_most_votes_and_tests_on_the_majority(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from convert.datasets.pictures.fer2013 import Faces

    votes = np.array(
        [
            [4, 3, 3, 0, 0, 0, 0, 0, 0, 0],  # neutral leads, without a majority
            [0, 9, 0, 0, 0, 0, 0, 0, 1, 0],
            [0, 8, 0, 0, 0, 2, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 10],  # not a face
        ],
        np.float32,
    )
    faces = Faces(np.zeros((4, 48, 48), np.uint8), np.zeros(4, np.int64), votes)

    class Fake:
        def training(self, *, as_published: bool) -> Faces:
            assert as_published
            return faces

        def validation(self) -> Faces:
            return faces

        test = validation

    corpora = splits.Corpora(tmp_path)
    monkeypatch.setattr(splits.Corpora, "faces", Fake())
    parts = corpora.ferplus(("happy", "neutral"))
    assert parts.training.labels.tolist() == [1, 0, 0]
    assert parts.test.labels.tolist() == [0, 0]
    assert sorted(corpora.ferplus(("happy", "neutral"), at_most=1).training.labels.tolist()) == [0, 1]
    with pytest.raises(MediaError, match=r"no training picture that FER\+ reads as sad"):
        corpora.ferplus(("happy", "sad"))


def test_normalization_is_measured_on_training_alone() -> None:
    def rows(values: list[float]) -> Part:
        blank = np.full(len(values), "")
        return Part((torch.tensor(values)[:, None],), torch.zeros(len(values)), blank, blank, blank)

    parts = splits.normalize(Parts(("a",), rows([1.0, 3.0, 5.0]), rows([3.0]), rows([7.0])))
    assert parts.training.inputs[0].mean() == pytest.approx(0, abs=1e-6)
    assert float(parts.validation.inputs[0]) == pytest.approx(0)
    assert float(parts.test.inputs[0]) == pytest.approx(2)
