"""The gallery of the page: which five faces answer, and that nothing else can be fetched."""

import json
import os
import random
import xml.etree.ElementTree as ET
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yarl

from device.emotions import EMOTIONS, Emotion
from device.hub.gallery import drawn_faces
from device.hub.gallery.selector import DRAWN, GallerySelector
from device.hub.gallery.trigger import CLEAR_S, VoiceTrigger
from device.hub.state.store import StateStore
from device.ipc.gallery_index import Index, Picture
from device.settings.schema import Settings
from tests.hub.hub_running import Sense, mood, run, running, state, until
from tests.hub.web.client import ask

JPEG = b"thumbnail "


def put(state_dir: Path, shares: dict[Emotion, list[float]]) -> dict[float, str]:
    """Write a gallery with pictures of these confidences, and return their names: each names its content."""
    folder = state_dir / "gallery"
    folder.mkdir(parents=True, exist_ok=True)
    pictures, names = [], {}
    for emotion, confidences in shares.items():
        for confidence in confidences:
            content = JPEG + f"{emotion} {confidence}".encode()
            name = names[confidence] = sha256(content).hexdigest()[:32]
            (folder / f"{name}.jpg").write_bytes(content)
            pictures.append(Picture(name, emotion, confidence, (confidence,) * 7, "a.jpg", 1, 1))
    partial = folder / "index.partial"
    partial.write_bytes(msgspec.json.encode(Index(1, "/album", "face", tuple(pictures), ())))
    partial.replace(folder / "index.json")
    return names


def load_selector(state_dir: Path, seed: int = 0) -> GallerySelector:
    made = GallerySelector(state_dir, StateStore("test"), VoiceTrigger(0.5, 0.4), rng=random.Random(seed))
    made.refresh()
    return made


def shares(answer: dict[str, Any]) -> list[Any]:
    return [face["confidence"] for face in answer["faces"]]


# -- selection


def test_the_most_confident_five_come_first_and_never_the_same_twice_in_a_row(tmp_path: Path) -> None:
    for count in (6, 7, 10, 11, 49, 50, 51, 300):
        names = put(tmp_path, {Emotion.SAD: [round(0.999 - i / 1000, 3) for i in range(count)]})
        made = load_selector(tmp_path)
        first = made.select(Emotion.SAD)
        assert first["emotion"] == "sad"
        assert shares(first) == [0.999, 0.998, 0.997, 0.996, 0.995]
        assert [face["url"] for face in first["faces"]] == [f"/api/gallery/{names[s]}.jpg" for s in shares(first)]
        seen, last = set(shares(first)), set(shares(first))
        for _ in range(60):
            answer = made.select(Emotion.SAD)
            assert len(answer["faces"]) == len(set(shares(answer))) == 5
            assert shares(answer) == sorted(shares(answer), reverse=True)
            assert set(shares(answer)) != last
            last = set(shares(answer))
            seen |= last
        assert len(seen) == min(count, 50), "all take turns, but the least confident of a large folder never appear"


def test_exactly_five_change_their_order(tmp_path: Path) -> None:
    put(tmp_path, {Emotion.SAD: [0.9, 0.8, 0.7, 0.6, 0.5]})
    made = load_selector(tmp_path)
    answers = [shares(made.select(Emotion.SAD)) for _ in range(6)]
    assert answers[0] == answers[5] == [0.9, 0.8, 0.7, 0.6, 0.5]
    assert answers[1] == [0.8, 0.7, 0.6, 0.5, 0.9]
    assert {one[0] for one in answers} == {0.9, 0.8, 0.7, 0.6, 0.5}


def test_missing_faces_are_drawn_with_other_people_each_time(tmp_path: Path) -> None:
    put(tmp_path, {Emotion.SAD: [0.9, 0.8]})
    made = load_selector(tmp_path)
    for emotion, pictures in ((Emotion.SAD, 2), (Emotion.FEAR, 0)):
        last: set[str] = set()
        for _ in range(20):
            faces = made.select(emotion)["faces"]
            assert len(faces) == 5
            drawn = {face["url"] for face in faces if face["confidence"] is None}
            assert len(drawn) == 5 - pictures
            assert {url.rsplit("/", 1)[1].removesuffix(".svg") for url in drawn} <= DRAWN
            assert not drawn & last
            last = drawn


def test_the_same_seed_gives_the_same_faces(tmp_path: Path) -> None:
    def thrown(seed: int) -> list[str]:
        made = load_selector(tmp_path, seed)
        return [face["url"] for _ in range(5) for face in made.select(Emotion.HAPPY)["faces"]]

    assert thrown(1) == thrown(1) != thrown(2)


def test_a_new_index_is_loaded_and_does_not_repeat_the_last_five(tmp_path: Path) -> None:
    made = load_selector(tmp_path)
    assert shares(made.select(Emotion.SAD)) == [None] * 5
    put(tmp_path, {Emotion.SAD: [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]})
    made.refresh()
    assert shares(made.select(Emotion.SAD)) == [0.9, 0.8, 0.7, 0.6, 0.5]
    put(tmp_path, {Emotion.SAD: [0.9, 0.8, 0.7, 0.6, 0.5, 0.3]})
    made.refresh()
    assert shares(made.select(Emotion.SAD)) == [0.9, 0.8, 0.7, 0.6, 0.3]
    (tmp_path / "gallery" / "index.json").unlink()
    made.refresh()
    assert shares(made.select(Emotion.SAD)) == [None] * 5


@pytest.mark.parametrize("content", [b"", b"{", b'{"version": 1, "pictures": [{"name": "../x", "emotion": "sad"}]}'])
def test_a_damaged_index_gives_drawn_faces_and_one_log_line(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, {Emotion.SAD: [0.9]})
    made = load_selector(tmp_path)
    (tmp_path / "gallery" / "index.json").write_bytes(content)
    for _ in range(3):
        made.refresh()
        assert shares(made.select(Emotion.SAD)) == [None] * 5
    assert len(caplog.records) == 1
    assert "index the folder again" in caplog.text
    put(tmp_path, {Emotion.SAD: [0.9]})
    made.refresh()
    assert shares(made.select(Emotion.SAD))[0] == 0.9


def test_only_unchanged_pictures_in_the_index_are_served(tmp_path: Path) -> None:
    names = put(tmp_path, {Emotion.SAD: [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3]})
    folder = tmp_path / "gallery"
    made = load_selector(tmp_path)
    assert made.read_thumbnail(names[0.9]).startswith(JPEG)
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(JPEG + b"secret")
    own = sha256(secret.read_bytes()).hexdigest()[:32]
    (folder / f"{own}.jpg").symlink_to(secret)
    files = {share: folder / f"{names[share]}.jpg" for share in (0.8, 0.7, 0.6, 0.5, 0.4)}
    for path in files.values():
        path.unlink()
    files[0.8].symlink_to(secret)
    files[0.7].hardlink_to(secret)
    os.mkfifo(files[0.6])
    files[0.5].mkdir()
    for name in (own, "index", "../secret", *(names[share] for share in files)):
        with pytest.raises(KeyError):
            made.read_thumbnail(name)
    true = tmp_path / "true"
    (folder / f"{names[0.3]}.jpg").rename(true)
    (folder / f"{names[0.3]}.jpg").symlink_to(true)
    with pytest.raises(KeyError):
        made.read_thumbnail(names[0.3])
    assert made.read_thumbnail(names[0.9])
    folder.rename(tmp_path / "moved")
    folder.symlink_to(tmp_path / "moved")
    with pytest.raises(KeyError):
        made.read_thumbnail(names[0.9])


def test_pictures_that_are_gone_are_not_shown(tmp_path: Path) -> None:
    names = put(tmp_path, {Emotion.SAD: [0.9, 0.8]})
    (tmp_path / "gallery" / f"{names[0.9]}.jpg").unlink()
    assert shares(load_selector(tmp_path).select(Emotion.SAD)) == [0.8, None, None, None, None]


# -- drawn faces


def test_drawn_faces_are_small_plain_and_all_different() -> None:
    texts = [drawn_faces.draw(e, person) for e in EMOTIONS for person in range(drawn_faces.VARIANTS)]
    assert drawn_faces.VARIANTS >= 8
    assert len(set(texts)) == len(texts) == len(DRAWN)
    assert texts == [drawn_faces.draw(e, person) for e in EMOTIONS for person in range(drawn_faces.VARIANTS)]
    for text in texts:
        assert len(text.encode()) < 2048
        tags = {element.tag.rsplit("}", 1)[1] for element in ET.fromstring(text).iter()}  # noqa: S314 - our own
        assert tags <= {"svg", "g", "rect", "path", "circle", "ellipse"}
        assert "href" not in text
    with pytest.raises(KeyError):
        drawn_faces.draw(Emotion.UNKNOWN, 0)


# -- in a running hub


def test_a_voice_in_the_room_brings_five_faces_to_the_page(house: Settings) -> None:
    names = put(house.state_dir, {Emotion.SAD: [0.99, 0.98, 0.97, 0.96, 0.95, 0.94]})

    async def story() -> None:
        async with running(house) as hub, Sense(house) as sense:
            assert (await state(hub))["gallery"] == {}
            sense.change(mood(Emotion.SAD))
            await until(lambda: hub.store.now.gallery)
            shown = (await state(hub))["gallery"]
            assert shown["emotion"] == "sad"
            assert shares(shown) == [0.99, 0.98, 0.97, 0.96, 0.95]
            for face in shown["faces"]:
                status, text, headers = await ask("GET", hub.page[:-1] + face["url"])
                assert (status, headers["Content-Type"]) == (200, "image/jpeg")
                assert headers["Cache-Control"] == "no-store"
                assert "thumbnail" in text
            # A new index while it runs.
            put(house.state_dir, {Emotion.HAPPY: [0.5]})
            sense.change(mood(Emotion.HAPPY))
            await until(lambda: hub.store.now.gallery["emotion"] == "happy")
            faces = hub.store.now.gallery["faces"]
            assert faces[0]["confidence"] == 0.5
            assert (await ask("GET", hub.page + f"api/gallery/{names[0.99]}.jpg"))[0] == 404
            status, text, headers = await ask("GET", hub.page[:-1] + faces[1]["url"])
            assert (status, headers["Content-Type"]) == (200, "image/svg+xml; charset=utf-8")
            assert text.startswith("<svg")
            assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox; frame-ancestors 'none'"

    run(story())


def test_nothing_else_can_be_fetched(house: Settings) -> None:
    names = put(house.state_dir, {Emotion.SAD: [0.9]})
    (house.state_dir / "gallery" / "mine.jpg").write_bytes(JPEG)
    (house.state_dir / "secret.jpg").write_bytes(JPEG)
    name = names[0.9]
    paths = [
        *("index.json", "index.jpg", "mine.jpg", f"{name}.partial", f"{name.upper()}.jpg", f"{name[:-1]}.jpg"),
        *("../secret.jpg", "..%2fsecret.jpg", "%2e%2e/secret.jpg", "%2e%2e%2fsecret.jpg", "..%5csecret.jpg"),
        *(f"x/../{name}%00.jpg", f"{name}.jpg/", f"/{name}.jpg", "%252e%252e%252fsecret.jpg", "", "drawn/"),
        *("drawn/sad-12.svg", "drawn/sad--1.svg", "drawn/sad-00.svg", "drawn/sad-%D9%A1.svg", "drawn/unknown-0.svg"),
        *("drawn/..%2f..%2fhealthz.svg", "drawn/sad-0.svg%00", "drawn/sad-1e0.svg", "drawn/SAD-0.svg"),
    ]

    async def story() -> None:
        async with running(house) as hub:
            await until(lambda: ask("GET", hub.page + f"api/gallery/{name}.jpg"))
            assert (await ask("GET", hub.page + f"api/gallery/{name}.jpg"))[0] == 200
            assert (await ask("GET", hub.page + "api/gallery/drawn/sad-11.svg"))[0] == 200
            for path in paths:
                address = yarl.URL(hub.page + "api/gallery/" + path, encoded=True)
                status, text, _ = await ask("GET", address)  # type: ignore[arg-type]
                assert status == 404, path
                assert "thumbnail" not in text
                assert json.loads(text)["error"]
            assert (await ask("POST", hub.page + f"api/gallery/{name}.jpg"))[0] in (401, 403, 405)

    run(story())


def test_the_faces_clear_when_sense_is_away(house: Settings) -> None:
    store, now = StateStore("test"), [100.0]
    looking = GallerySelector(house.state_dir, store, VoiceTrigger(0.5, 0.4), lambda: now[0], random.Random(0))

    async def story() -> None:
        store.change(mood=mood(Emotion.FEAR))
        await looking.update()
        assert store.now.gallery["emotion"] == "fear"
        store.change(mood=None)
        now[0] += CLEAR_S
        await looking.update()
        assert store.now.gallery == {}

    run(story())
