"""`python -m convert compare` on small made corpora: what is trained, skipped by name, resumed, counted and drawn."""

import itertools
import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from convert.corpora.cremad import read_videos
from convert.corpora.speech import Clip
from convert.predictions import Predictions, load
from convert.voice_protocols import RUNS, share_of
from device.emotions import EMOTIONS, Emotion, Floats
from device.errors import MediaError, ModelError, SettingsError
from device.readings import Face
from device.sense.sound.framing import RATE_HZ
from device.sense.stand_in.made_voice import speak
from device.sense.stand_in.roles import PROSODIES
from tests.convert import made_corpora

pytestmark = pytest.mark.convert
torch = pytest.importorskip("torch", reason="the training environment: make test-convert")
pytest.importorskip("sklearn", reason="the training environment: make test-convert")
pytest.importorskip("matplotlib", reason="the training environment: make test-convert")

from convert.compare import RECIPES, compare, report, sounds, splits, together, videos  # noqa: E402
from convert.compare.fit import Part, Parts  # noqa: E402
from convert.compare.recipe import Bench  # noqa: E402
from convert.recipes.seed_e import EIGHT, PATCH_BANDS, PATCH_FRAMES  # noqa: E402

ROWS = 35


@pytest.fixture(scope="module")
def finished(corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three recipes of three seeds, trained once for all tests of this file."""
    runs = tmp_path_factory.mktemp("compare")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(runs)
        compare(corpora, runs, ["b-mfcc", "c-face", "a-face", "a-voice", "d-video"], rows=ROWS)
    return runs


def test_the_table_says_what_the_kept_answers_say(finished: Path) -> None:
    page = (finished / "page" / "README.md").read_text()
    for name in ("b-mfcc", "c-face", "a-face"):
        said = load(finished / name / "test.npz")
        right = 100 * (said.read == said.truth).mean()
        line = next(line for line in page.splitlines() if line.startswith((f"| {name} |", f"| **{name}**")))
        assert f"| {right:.1f} ±" in line
        assert len(json.loads((finished / name / "result.json").read_text())["log"]) == 2
    assert "1,207,047" in page  # C's parameters
    assert "the rows of Training that it was trained on" in page
    assert "21.56 %" in page
    assert page.count("not measured yet") == len(report.TASKS)


def test_what_cannot_be_trained_is_skipped_by_name(finished: Path) -> None:
    page = (finished / "page" / "README.md").read_text().splitlines()
    video, voice, other = (next(x for x in page if x.startswith(f"| {n} |")) for n in ("d-video", "a-voice", "b-cnn"))
    assert "not trained" in video
    assert "CREMA-D video" in video
    assert "TESS: no clips in" in voice
    assert "not asked for" in other


def test_the_best_is_chosen_by_validation_alone(finished: Path) -> None:
    results = {name: json.loads((finished / name / "result.json").read_text()) for name in ("c-face", "a-face")}
    best = max(results, key=lambda name: float(results[name]["validation_accuracy"]))
    chosen = [x for x in (finished / "page" / "README.md").read_text().splitlines() if x.startswith(f"| **{best}**")]
    assert len(chosen) == 1


def test_the_pictures_are_drawn_and_small(finished: Path) -> None:
    for name in ("curves", "confusions-a", "confusions-b", "confusions-c"):
        path = finished / "page" / f"{name}.png"
        assert path.stat().st_size < 150_000
        picture = cv2.imread(str(path))
        assert picture is not None
        assert picture.std() > 5
    assert not (finished / "page" / "confusions-d.png").exists()
    counts = (finished / "page" / "confusions.md").read_text().split("## ")[1:]
    assert [text.split()[0] for text in counts] == ["b-mfcc", "a-face", "c-face"]


def test_what_is_done_is_not_done_again(
    finished: Path, corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished)
    before = {name: (finished / name / "result.json").stat().st_mtime_ns for name in ("b-mfcc", "c-face")}
    (finished / "a-face" / "result.json").unlink()  # as a run leaves it that was cut off
    page = compare(corpora, finished, ["a-face", "b-mfcc"], rows=ROWS, page=tmp_path).read_text()
    assert {name: (finished / name / "result.json").stat().st_mtime_ns for name in before} == before
    assert (finished / "a-face" / "result.json").exists()
    assert next(x for x in page.splitlines() if x.startswith(("| a-face |", "| **a-face**"))).count("not trained") == 0


def test_miens_own_row_counts_the_same_rows(finished: Path, corpora: Path, tmp_path: Path) -> None:
    theirs = load(finished / "c-face" / "test.npz")
    right = theirs.truth.copy()
    wrong = np.where(np.arange(len(right)) < 7, (right + 1) % 7, right)
    logits = np.eye(7, dtype=np.float32)[wrong]
    more = Predictions(
        theirs.classes,
        np.concatenate([logits[:28], logits[:5]]),
        np.concatenate([right[:28], right[:5]]),
        np.array([*theirs.names[:28], *("another",) * 5]),
        np.full(33, ""),
        np.full(33, "fer2013"),
    )
    [(name,)] = report.OWN["fer2013"]
    more.save(tmp_path / f"{name}.npz")
    page = compare(corpora, finished, minutes=0, rows=ROWS, page=tmp_path / "page", answers=tmp_path).read_text()
    line = next(x for x in page.splitlines() if x.startswith("| *Mien*"))
    assert "| 75.0 ±" in line
    assert f"28 of the {ROWS} rows; {name}.npz" in line
    assert page.count("not measured yet") == len(report.TASKS) - 1


def test_other_rows_are_another_run(finished: Path, corpora: Path, tmp_path: Path) -> None:
    page = compare(corpora, finished, ["b-mfcc"], rows=ROWS + 1, minutes=0, page=tmp_path).read_text()
    line = next(x for x in page.splitlines() if x.startswith("| b-mfcc |"))
    assert "0 minutes were up" in line


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no recipe 'z-face'; there are .*a-face"):
        compare(tmp_path, tmp_path, ["z-face"])


def test_every_recipe_has_a_task_and_comes_after_what_it_needs() -> None:
    names = [recipe.name for recipe in RECIPES]
    assert len(set(names)) == len(names)
    assert {recipe.task for recipe in RECIPES} == set(report.TASKS)
    assert {recipe.seed for recipe in RECIPES} == set("ABCDE")
    for first, then in (
        ("d-face-5", "d-face-7"),
        ("e-embedding", "e-vggish-mlp-speech"),
        ("e-embedding", "e-vggish-classical-both"),
        ("e-visual", "e-concatenated"),
        ("a-face", "e-late"),
        ("e-lstm-speech", "e-late"),
        ("a-face", "e-concatenated-mended"),
    ):
        assert names.index(first) < names.index(then)


# RAVDESS, TESS and CREMA-D, made small


@pytest.fixture(scope="module")
def ravdess(corpora: Path) -> Path:
    """A RAVDESS speech of three actors beside the made FER2013: eight emotions, two takes each."""
    rows, spoken = [], {}
    for actor, emotion, take in itertools.product((1, 2, 3), range(8), (1, 2)):
        name = f"03-01-{emotion + 1:02d}-01-01-{take:02d}-{actor:02d}"
        label = EIGHT[emotion]
        prosody = PROSODIES[Emotion("neutral" if label == "calm" else label)]
        spoken[name] = speak(prosody, 2.0, 100 * actor + 10 * emotion + take)
        rows.append([name, "ravdess_speech", f"RAV{actor:02d}", "M", label, "", 1, take, 2.0, 48_000, 1, 1.0])
    columns = "name corpus speaker sex emotion intensity statement take duration orig_sr orig_channels orig_peak"
    made_corpora._write(corpora / "speech", "ravdess_speech", columns.split(), rows, spoken)
    return corpora


def test_e_s_ways_of_joining_a_voice_and_a_face(ravdess: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cheap = ("e-lstm-speech", "a-face", "e-late", "e-visual", "e-joint", "d-sound")
    compare(ravdess, tmp_path, cheap, rows=8)
    for name in cheap:
        assert (tmp_path / name / "result.json").exists(), name
    heard, both = load(tmp_path / "e-lstm-speech" / "test.npz"), load(tmp_path / "e-late" / "test.npz")
    assert both.classes == EIGHT
    np.testing.assert_array_equal(heard.truth, both.truth)
    assert all(pair.startswith(f"{name}+PrivateTest-") for pair, name in zip(both.names, heard.names, strict=True))
    weight = float(json.loads((tmp_path / "e-late" / "result.json").read_text())["said"].split()[3])
    voice = torch.log_softmax(torch.from_numpy(heard.logits), 1).numpy()
    if weight == 0:
        np.testing.assert_allclose(both.logits, voice, atol=0.01)
    else:
        # What the face adds is the same for calm and for neutral, which no picture of FER2013 tells apart.
        added = both.logits - voice
        np.testing.assert_allclose(added[:, 0], added[:, 1], atol=0.02)
        assert added.std() > 0


def test_a_recipe_says_which_one_it_needs(ravdess: Path, tmp_path: Path) -> None:
    bench = Bench(splits.Corpora(ravdess, 8), tmp_path)
    recipe = next(r for r in RECIPES if r.name == "e-vggish-mlp-speech")
    with pytest.raises(ModelError, match="run the recipe e-embedding first"):
        recipe.run(bench)


def test_every_voice_gets_a_face_of_its_emotion(ravdess: Path, tmp_path: Path) -> None:
    bench = Bench(splits.Corpora(ravdess), tmp_path)
    thirds = bench.corpora.ravdess("speech")
    faces = together._faces_for(bench, thirds)
    labels = bench.corpora.faces.validation().labels
    assert len(faces[1]) > 5
    for name, clip, eight in zip(faces[1].names, thirds[1], faces[1].labels, strict=True):
        assert labels[int(str(name).rsplit("-", 1)[1])] == clip.emotion
        assert EIGHT[int(eight)] in {EMOTIONS[clip.emotion], "calm"}


def clips(count: int, corpus: str) -> list[Clip]:
    silence = np.zeros(4, np.int16)
    return [Clip(f"03-01-{i % 8 + 1:02d}-{corpus}-{i}", corpus, "one", "F", i % 7, silence) for i in range(count)]


def test_a_random_split_is_repeatable_and_whole() -> None:
    spoken = clips(500, "speech")
    parts = splits.shuffled(spoken)
    assert [c.name for part in parts for c in part] == [c.name for c in sorted(spoken, key=share_of)]
    for part, share in zip(parts, (0.6, 0.2, 0.2), strict=True):
        assert len(part) / 500 == pytest.approx(share, abs=0.06)
    # A clip stays where it is, whoever else is there: Mien's own random protocol has the same test clips.
    few = splits.shuffled(spoken[:100])
    assert {c.name for c in few[2]} == {c.name for c in parts[2]} & {c.name for c in spoken[:100]}
    assert {c.name for c in few[2]} == {c.name for c in spoken[:100] if RUNS["voice-random"].tested(c)}
    quarter = splits.shuffled(spoken, test_from=0.75)
    assert quarter[0] == parts[0]
    assert len(quarter[2]) / 500 == pytest.approx(0.25, abs=0.06)


def test_both_is_speech_and_song_and_no_clip_changes_sides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    corpora = splits.Corpora(tmp_path)
    monkeypatch.setattr(corpora, "clips", lambda name: clips(40 if "song" in name else 60, name))
    for i in range(3):
        alone = [c.name for which in ("speech", "song") for c in corpora.ravdess(which)[i]]
        assert [c.name for c in corpora.ravdess("both")[i]] == alone


def test_ferplus_takes_the_most_votes_to_train_and_the_majority_to_test(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from convert.corpora.fer2013 import Faces

    votes = np.array(
        [
            [4, 3, 3, 0, 0, 0, 0, 0, 0, 0],  # neutral leads, without a majority
            [0, 9, 0, 0, 0, 0, 0, 0, 1, 0],
            [0, 8, 0, 0, 0, 2, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 10],  # no face
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


def test_scales_are_measured_on_training_alone() -> None:
    def rows(values: list[float]) -> Part:
        blank = np.full(len(values), "")
        return Part((torch.tensor(values)[:, None],), torch.zeros(len(values)), blank, blank, blank)

    parts = splits.scaled(Parts(("a",), rows([1.0, 3.0, 5.0]), rows([3.0]), rows([7.0])))
    assert parts.training.inputs[0].mean() == pytest.approx(0, abs=1e-6)
    assert float(parts.validation.inputs[0]) == pytest.approx(0)
    assert float(parts.test.inputs[0]) == pytest.approx(2)


# Sounds


def tone(frequency_hz: float, seconds: float = 2.0) -> Floats:
    wave = np.sin(2 * np.pi * frequency_hz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ) / 2
    return np.asarray(wave, np.float32)


def strongest_hz(samples: Floats) -> float:
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(power) * RATE_HZ / len(samples))


def test_each_seed_s_features_have_their_shape() -> None:
    for seconds in (0.4, 2.0, 6.5):
        sound = tone(300, seconds)
        assert sounds.table_row(sound).shape == (162,)
        assert sounds.mfcc_means(sound).shape == (80,)
        assert sounds.mel_picture(sound).shape == (1, 96, 431)
        assert sounds.stacked_picture(sound).shape == (1, 40, 216)
        assert sounds.mfcc_sequence(sound).shape == (150, 40)
        whole = max(int((seconds - 0.025) / 0.96), 1)
        assert sounds.patches(sound).shape == (whole, 1, PATCH_FRAMES, PATCH_BANDS)
        assert np.isfinite(sounds.table_row(np.zeros_like(sound))).all()


def test_mel_and_half_tones_follow_the_pitch() -> None:
    low, high = (sounds.mel_picture(tone(f))[0, :, 50].argmax() for f in (300, 3000))
    assert low < high
    power = np.abs(sounds.spectrum(tone(440), 4096, 1024)) ** 2
    assert set(sounds.chroma(power, 4096)[2:-2].argmax(axis=1)) == {0}  # an A, and so is its octave
    power = np.abs(sounds.spectrum(tone(880 * 2 ** (3 / 12)), 4096, 1024)) ** 2
    assert set(sounds.chroma(power, 4096)[2:-2].argmax(axis=1)) == {3}


def test_a_sound_is_stretched_at_its_pitch_and_shifted_at_its_length() -> None:
    sound = tone(500)
    slow = sounds.stretched(sound, 0.8)
    assert len(slow) == pytest.approx(len(sound) / 0.8, rel=0.02)
    assert strongest_hz(slow) == pytest.approx(500, rel=0.01)
    high = sounds.shifted(sound, 3)
    assert len(high) == pytest.approx(len(sound), rel=0.02)
    assert strongest_hz(high) == pytest.approx(500 * 2 ** (3 / 12), rel=0.01)
    assert np.abs(high[4000:-4000]).max() == pytest.approx(0.5, rel=0.15)
    changed = sounds.noisy(sound, np.random.default_rng(0)) - sound
    assert 0 < np.abs(changed).mean() < 0.02


# D's video


class EveryFrame:
    """A detector that sees one face in the middle of every bright frame."""

    def find(self, pixels: np.ndarray) -> list[Face]:
        if pixels.mean() < 60:
            return []
        points = np.array([[60, 55], [100, 55], [80, 75], [80, 95], [40, 60], [120, 60]], np.float32)
        return [Face((40.0, 30.0, 80.0, 80.0), 0.9, points)]


def film(path: Path, levels: list[int]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="flv") as container:
        stream = container.add_stream("flv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for level in levels:
            picture = np.full((120, 160, 3), level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def test_crema_d_s_videos_become_sequences_of_faces(tmp_path: Path) -> None:
    film(tmp_path / "VideoFlash" / "1001_DFA_ANG_XX.flv", [0] * 4 + [128] * 21)
    film(tmp_path / "VideoFlash" / "1002_IEO_SAD_HI.flv", [200] * 6)
    rows = videos.sequences(read_videos(tmp_path, part=True), EveryFrame())
    assert rows.inputs[0].shape == (3 + 1, 10, 1, 48, 48)  # 21 faces: from 0, 5 and 10; six, filled up
    assert rows.labels.tolist() == [0, 0, 0, 5]
    assert len(set(rows.groups)) == 2
    assert rows.inputs[0][3].float().mean() == pytest.approx(200, abs=6)


def test_a_video_that_breaks_off_gives_the_faces_before_the_break(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = film(tmp_path / "1001_DFA_ANG_XX.flv", [int(level) for level in rng.integers(100, 250, 60)])
    [video] = read_videos(tmp_path, part=True)
    whole = len(videos.faces_of(video, EveryFrame()))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert whole == 60
    assert 10 < len(videos.faces_of(video, EveryFrame())) < 50


def test_videos_without_a_face_are_an_error(tmp_path: Path) -> None:
    film(tmp_path / "1001_DFA_ANG_XX.flv", [0] * 5)
    with pytest.raises(MediaError, match="no face found in 1 videos"):
        videos.sequences(read_videos(tmp_path, part=True), EveryFrame())


def test_d_s_video_recipe_runs_when_crema_d_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(videos, "BlazeFace", EveryFrame)
    for actor, (code, level) in enumerate([("ANG", 80), ("SAD", 200)] * 5):
        film(tmp_path / videos.FOLDER / "VideoFlash" / f"{1001 + actor}_DFA_{code}_XX.flv", [level] * 12)
    page = compare(tmp_path, tmp_path / "runs", ["d-video"], rows=10).read_text()
    assert "**d-video** (best on validation)" in page
    said = load(tmp_path / "runs" / "d-video" / "test.npz")
    assert set(said.truth.tolist()) <= {0, 5}
    assert len(said.truth) == 2
