"""From a trained run to what the device takes: quantize, calibrate on validation, measure on test, write the card."""

import hashlib
import tempfile
from pathlib import Path

import msgspec
import numpy as np
import torch

from convert.corpora.fer2013 import Faces, Fer2013
from convert.corpora.speech import VALIDATION, Clip
from convert.evaluate import (
    AS_PUBLISHED,
    clip_reading,
    clips_of,
    face_answers,
    face_predictions,
    private_test,
)
from convert.export import BothHeads, to_float_tflite, to_int8
from convert.metrics import accuracy, calibration_error, f1, recall, surest, temperature_of, unknown_below
from convert.predictions import Predictions
from convert.recipes.mien_face import MienFace
from convert.recipes.mien_prosody import MienProsody
from convert.recipes.mien_voice import MienVoice
from convert.resting import usual
from convert.voices.powers import Powers, multiplied, pair_powers
from convert.voices.protocols import PROSODY_RUNS
from convert.voices.train import calibration_inputs
from device import __version__
from device.emotions import EMOTIONS, NO_SPEECH, Floats, softmax
from device.sense.model import Card, Corpus, Golden, Model, ramp
from device.sense.pairs.fit import INPUTS
from device.sense.prepare import FACE_PX, WINDOW_FRAMES, face_input
from device.sense.sound.log_mel import BANDS
from device.sense.sound.prosody import PROSODY
from device.sense.tflite import Network
from device.sense.voice import VoiceReader

FACE_SHAPE = (1, FACE_PX, FACE_PX, 1)
VOICE_SHAPE = (1, WINDOW_FRAMES, BANDS, 2)
_LIMITS = (
    "Trained on acted or posed, mostly Western material. It reads how a face looks or a voice sounds, not what "
    "a person feels. Not for work, school, policing, health or any decision about a person."
)
FACE_CORPORA = (
    Corpus("FER2013 Training, without copies of its test sets", "Kaggle ICML 2013, research"),
    Corpus("FER+ votes for the same pictures", "MIT"),
)
VOICE_CORPORA = (
    Corpus("RAVDESS speech and song, actors 1-16", "CC BY-NC-SA 4.0"),
    Corpus("TESS", "CC BY-NC-ND 4.0"),
    Corpus("SAVEE, speakers DC and JE", "research"),
    Corpus("ESC-10, four fifths, as what is no voice", "CC BY"),
)


def quantize(name: str, run: Path, data: Path, out: Path, rows: int | None = None) -> dict[str, float]:
    """Write the int8 network of `run`/best.pt, and for `face` and `voice` its card; what was measured, in per cent.

    `rows` limits what is read, for a quick check of the whole way. `face-as-published` goes to convert/as_published.
    """
    if name == "voice":
        return _voice(run, data, out, rows)
    if name == "prosody":
        return _prosody(run, data, out, rows)
    return _face(name, run, data, out, rows)


def face_network(run: Path) -> MienFace:
    """The averaged weights of the run's best epoch, put to rest."""
    network = MienFace()
    network.load_state_dict(torch.load(run / "best.pt", map_location="cpu", weights_only=True))
    return network.eval()


def _calibration_faces(data: Path) -> list[Floats]:
    pictures = Fer2013(data / "fer2013").training().pictures
    chosen = np.random.default_rng(0).choice(len(pictures), min(1000, len(pictures)), replace=False)
    return [face_input(pictures[i]) for i in chosen]


def _quantized(network: torch.nn.Module, shape: tuple[int, ...], calibration: list[Floats]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/float.tflite"
        to_float_tflite(network, shape, path)
        return to_int8(path, calibration)


def _face(name: str, run: Path, data: Path, out: Path, rows: int | None) -> dict[str, float]:
    network = face_network(run)
    content = _quantized(BothHeads(network), FACE_SHAPE, _calibration_faces(data))
    faces = private_test(data, rows=rows)
    emotions, ferplus = _in_float(network, faces)
    answers = _answers(out, rows)
    face_predictions(faces, emotions, ferplus)[0].save(answers / f"{name}-float.npz")
    all_rows, votes = face_answers(Network(content, name), faces)
    all_rows.save(answers / f"{name}.npz")
    votes.save(answers / f"{name}-ferplus.npz")
    if name == "face-as-published":
        path = AS_PUBLISHED if rows is None else out / "face-as-published.tflite"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return {"accuracy": accuracy(all_rows.read, all_rows.truth), "FER+": accuracy(votes.read, votes.truth)}
    validation = Fer2013(data / "fer2013").validation().first(rows or 10**6)
    watched, _ = face_answers(Network(content, name), validation)
    card = _card("face", content, FACE_SHAPE, watched, FACE_CORPORA)
    rest = usual(softmax(watched.logits, card.temperature), watched.truth)
    _write_pair(out, content, msgspec.structs.replace(card, resting=rest))
    clean = private_test(data, without_copies=True, rows=rows)
    model = Model("face", out)
    said, _ = face_answers(model.network, clean)
    probabilities = softmax(said.logits, model.card.temperature)
    figures = {
        "FER2013 PrivateTest without copies (3,301), accuracy": accuracy(said.read, said.truth),
        "the same, UAR": recall(said.read, said.truth),
        "the same, expected calibration error": calibration_error(probabilities, said.truth),
        "the same, accuracy on the surest 70 %": surest(probabilities, said.truth),
        "FER+ majority (3,153), accuracy": accuracy(votes.read, votes.truth),
    }
    return _with_figures(out, "face", figures)


def _answers(out: Path, rows: int | None) -> Path:
    """Where answers are kept: with the project's own, but for a quick check."""
    return out / "answers" if rows is not None else Path("docs") / "answers"


def _in_float(network: MienFace, faces: Faces) -> tuple[Floats, Floats]:
    """(n, 7) and (n, 8) logits of the network before it was quantized."""
    said = []
    with torch.inference_mode():
        for start in range(0, len(faces), 256):
            inputs = np.concatenate([face_input(p) for p in faces.pictures[start : start + 256]])
            said.append(network.both(torch.from_numpy(inputs).permute(0, 3, 1, 2)))
    return torch.cat([a for a, _ in said]).numpy(), torch.cat([b for _, b in said]).numpy()


def _voice(run: Path, data: Path, out: Path, rows: int | None) -> dict[str, float]:
    network = MienVoice()
    network.load_state_dict(torch.load(run / "best.pt", map_location="cpu", weights_only=True))
    content = _quantized(network.eval(), VOICE_SHAPE, calibration_inputs(data, rows))
    int8 = Network(content, "voice")
    from convert.voices.benchmark import windows

    clips = clips_of(data, "validation", rows)
    logits = [np.mean([int8.run(x)[0][0] for x in windows(clip.real)], axis=0) for clip in clips]
    # What is fitted is what the device says once it has taken no_speech off: the emotions among themselves.
    watched = _of_clips(clips, np.array(logits, np.float32)[:, : len(EMOTIONS)])
    _write_pair(out, content, _card("voice", content, VOICE_SHAPE, watched, VOICE_CORPORA, (NO_SPEECH,)))
    reader = VoiceReader(Model("voice", out))
    asked = clips_of(data, "test", rows)
    said = [clip_reading(reader, clip.real) for clip in asked]
    even = np.full(len(EMOTIONS), 1 / len(EMOTIONS), np.float32)
    heard = _of_clips(asked, np.log(np.array([even if p is None else p for p in said]) + 1e-6))
    figures = {
        f"{corpus}, speakers kept out, this network alone, UAR": recall(own.read, own.truth)
        for corpus in sorted(set(heard.corpora.tolist()))
        for own in [heard.where(heard.corpora == corpus)]
    }
    return _with_figures(out, "voice", figures)


def _prosody(run: Path, data: Path, out: Path, rows: int | None) -> dict[str, float]:
    """The prosodic pair; and on both voice cards, to what powers the two networks' answers are multiplied.

    What they say of validation is kept beside the benchmarks' answers: the powers are fitted on all of these.
    """
    from convert.voices.benchmark import deviations_of, prosody_calibration, windows
    from convert.voices.train_prosody import material

    heard = material(data, PROSODY_RUNS["prosody"], rows)
    network = MienProsody()
    network.load_state_dict(torch.load(run / "best.pt", map_location="cpu", weights_only=True))
    shape = (1, PROSODY)
    content = _quantized(network.eval(), shape, prosody_calibration(heard))
    int8 = Network(content, "prosody")
    watched = [i for i, clip in enumerate(heard.clips) if clip.speaker in VALIDATION][:rows]
    seven = slice(len(EMOTIONS))
    clips = [heard.clips[i] for i in watched]
    said, said_known = (
        _of_clips(clips, np.array([int8.run(x)[0][0] for x in asked], np.float32)[:, seven])
        for asked in (deviations_of(heard, watched, known=known) for known in (False, True))
    )
    card = _card("prosody", content, shape, said, VOICE_CORPORA, (NO_SPEECH,))
    picture = Model("voice", out)
    shown = [np.mean([picture.network.run(x)[0][0] for x in windows(clip.real)], axis=0)[seven] for clip in clips]
    seen = _of_clips(clips, np.array(shown, np.float32))
    kept = _answers(out, rows)
    seen.save(kept / "voice-validation.npz")
    said.save(kept / "prosody-validation-stranger.npz")
    said_known.save(kept / "prosody-validation.npz")
    temperatures = Powers(picture.card.temperature, card.temperature)
    powers, powers_known = (pair_powers(kept, temperatures, known=known) for known in (False, True))
    both = softmax(multiplied(seen, said, powers, temperatures).logits)
    centre, spread = (tuple(round(float(v), 6) for v in row) for row in (heard.stages.centre, heard.stages.spread))
    rest = usual(both, said.truth)
    _write_pair(
        out,
        content,
        msgspec.structs.replace(
            card, power=powers.prosody, power_known=powers_known.prosody, centre=centre, spread=spread, resting=rest
        ),
    )
    with_powers = msgspec.structs.replace(picture.card, power=powers.picture, power_known=powers_known.picture)
    _write_pair(out, (out / "voice.tflite").read_bytes(), with_powers)
    figures = {}
    tested = [i for i, clip in enumerate(heard.clips) if PROSODY_RUNS["prosody"].tested(clip)][:rows]
    for words, known in (("never heard", False), ("heard before, without labels", True)):
        answers = np.array([int8.run(x)[0][0] for x in deviations_of(heard, tested, known=known)], np.float32)[:, seven]
        p = _of_clips([heard.clips[i] for i in tested], answers)
        for corpus in sorted(set(p.corpora.tolist())):
            own = p.where(p.corpora == corpus)
            figures[f"{corpus}, speakers kept out and {words}, UAR"] = recall(own.read, own.truth)
    return _with_figures(out, "prosody", figures)


def _of_clips(clips: list[Clip], logits: Floats) -> Predictions:
    return Predictions(
        tuple(e.value for e in EMOTIONS),
        logits,
        np.array([clip.emotion for clip in clips]),
        np.array([clip.name for clip in clips]),
        np.array([clip.speaker for clip in clips]),
        np.array([clip.corpus for clip in clips]),
    )


def _card(
    name: str,
    content: bytes,
    shape: tuple[int, ...],
    watched: Predictions,
    corpora: tuple[Corpus, ...],
    more: tuple[str, ...] = (),
) -> Card:
    """The card without its accuracy; `watched` is what the int8 network says of the validation."""
    network = Network(content, name)
    temperature = temperature_of(watched.logits, watched.truth)
    return Card(
        name=name,
        version=__version__,
        labels=tuple(e.value for e in EMOTIONS) + more,
        input_shape=shape,
        input=INPUTS[name],
        sha256=hashlib.sha256(content).hexdigest(),
        temperature=temperature,
        f1=tuple(round(v, 4) for v in f1(watched.read, watched.truth, len(EMOTIONS))),
        unknown_below=unknown_below(softmax(watched.logits, temperature), watched.truth),
        corpora=corpora,
        accuracy={},
        golden=Golden(tuple(int(v) for v in network.run_raw(ramp(network.inputs[0]))[0].ravel())),
        limits=_LIMITS,
    )


def _write_pair(out: Path, content: bytes, card: Card) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{card.name}.tflite").write_bytes(content)
    (out / f"{card.name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=1) + b"\n")


def _with_figures(out: Path, name: str, figures: dict[str, float]) -> dict[str, float]:
    """Put what was measured on the written pair down on its card."""
    model = Model(name, out)
    rounded = {key: round(value, 2) for key, value in figures.items()}
    _write_pair(out, (out / f"{name}.tflite").read_bytes(), msgspec.structs.replace(model.card, accuracy=rounded))
    return rounded
