"""Where it is looked next: at what changed, at what always changes seldom, and everywhere in the end."""

import numpy as np
import numpy.typing as npt
import pytest

from device.perception.face.search import Cells, Region, RegionScheduler
from device.readings import Face, Frame
from tests.builders import Pixels, drawn, face_at, noisy

_ROOM = drawn()


def _with_patch(x: int, y: int, side: int, level: int) -> Pixels:
    room = _ROOM.copy()
    room[y : y + side, x : x + side] = level
    return room


def _chosen(
    search: RegionScheduler, pixels: Pixels, now_s: float, known: list[Face] | None = None, *, found: bool = False
) -> Region | None:
    part = search.next(Frame(pixels, now_s), known or [])
    if part is not None:
        search.searched(part, now_s, found=found)
    return part


def _holds(part: Region | None, x: float, y: float) -> bool:
    return (
        part is not None
        and part.left <= x / 640 <= part.left + part.width
        and part.top <= y / 480 <= part.top + part.height
    )


@pytest.fixture
def settled() -> tuple[RegionScheduler, float]:
    """A search that has seen the whole empty room by 6 s."""
    search = RegionScheduler()
    for step in range(60):
        _chosen(search, noisy(_ROOM, step), step / 10)
    return search, 6.0


def test_the_first_searches_cover_the_whole_and_then_all_parts() -> None:
    search, seen = RegionScheduler(), np.zeros((480, 640), np.int16)
    parts = [_chosen(search, noisy(_ROOM, step), step / 10) for step in range(19)]
    assert (parts[0].width, parts[0].height) == (1, 1) if parts[0] else False
    for part in parts[1:]:
        assert part
        part.crop(seen)[2][:] = 1
    assert seen.min() == 1
    assert _chosen(search, noisy(_ROOM, 8), 1.95) is None


def test_a_face_that_one_part_cuts_is_whole_in_another() -> None:
    """Of up to a sixth of the frame's width; larger ones are the whole's."""
    parts = RegionScheduler()._parts[1:]
    for x in range(0, 560, 8):
        for y in range(0, 400, 8):
            assert any(
                p.left * 640 <= x
                and x + 80 <= (p.left + p.width) * 640
                and p.top * 480 <= y
                and y + 80 <= (p.top + p.height) * 480
                for p in parts
            ), (x, y)


def test_a_still_room_is_looked_at_every_three_seconds_and_all_in_a_minute(
    settled: tuple[RegionScheduler, float],
) -> None:
    search, now_s = settled
    looks = [part for step in range(600) if (part := _chosen(search, noisy(_ROOM, step), now_s + step / 10))]
    assert 18 <= len(looks) <= 21
    assert len({id(part) for part in looks}) >= 18


@pytest.mark.parametrize(("x", "y"), [(40, 40), (330, 200), (590, 430)])
def test_a_part_where_something_appears_is_searched_in_the_same_frame(
    settled: tuple[RegionScheduler, float], x: int, y: int
) -> None:
    search, now_s = settled
    first = _chosen(search, noisy(_with_patch(x - 20, y - 20, 40, 220), 99), now_s)
    second = _chosen(search, noisy(_with_patch(x - 20, y - 20, 40, 220), 98), now_s + 0.1)
    assert _holds(first, x, y)
    assert _holds(second, x, y)


def test_a_part_that_always_moves_is_searched_less_and_less_and_hides_nobody(
    settled: tuple[RegionScheduler, float],
) -> None:
    search, now_s = settled
    looks = []
    for step in range(600):  # a television in the upper left corner, for a minute
        now_s += 0.1
        part = _chosen(search, noisy(_with_patch(20, 20, 90, 255 * (step % 2)), step), now_s)
        looks.append(part is not None)
    assert sum(looks[:20]) > 8
    assert sum(looks[-100:]) <= 12
    both = _with_patch(20, 20, 90, 255)
    both[380:440, 560:620] = 230
    waited = [_holds(_chosen(search, noisy(both, step), now_s + 0.1 + step / 10), 590, 410) for step in range(6)]
    assert any(waited[:3])


def test_movement_around_a_known_face_is_ignored(settled: tuple[RegionScheduler, float]) -> None:
    search, now_s = settled
    face = face_at(300, 120, 60)
    looks = 0
    for step in range(60):
        now_s += 0.1
        looks += (
            _chosen(search, noisy(_with_patch(280, 200 + step % 7, 90, 40), step), now_s, [face], found=True)
            is not None
        )
    assert looks <= 4, "as in a still room"
    elsewhere = _with_patch(20, 300, 60, 220)
    assert any(_holds(_chosen(search, noisy(elsewhere, int(s)), now_s + s, [face]), 50, 330) for s in (1.1, 2.2, 3.3))


def test_a_frame_of_another_size_starts_over(settled: tuple[RegionScheduler, float]) -> None:
    search, now_s = settled
    part = _chosen(search, drawn(width_px=320, height_px=240)[:, :200], now_s)
    assert part
    assert part.width == 1


class _AskingEach(RegionScheduler):
    """Never takes the short cut."""

    def _is_still(self, cells: Cells, explained: npt.NDArray[np.bool_]) -> bool:
        return super()._is_still(cells, explained) and False


@pytest.mark.parametrize("seed", range(4))
def test_the_quick_check_of_all_cells_changes_no_choice(seed: int) -> None:
    rng = np.random.default_rng(seed)
    quick, each = RegionScheduler(), _AskingEach()
    room, chosen = _ROOM, []
    for step in range(150):
        if rng.random() < 0.1:  # something comes, some of it too small or too much like the wall to be a head
            side, level = int(rng.integers(8, 90)), int(rng.integers(90, 200))
            room = _with_patch(int(rng.integers(550)), int(rng.integers(390)), side, level)
        frame, found = noisy(room, step), bool(rng.random() < 0.5)
        known = [face_at(300, 120, 60)] if step // 10 % 2 else []
        parts = [_chosen(search, frame, step / 10, known, found=found) for search in (quick, each)]
        places = [part and (part.left, part.top, part.width, part.height) for part in parts]
        assert places[0] == places[1]
        chosen.append(places[0])
    assert 30 < sum(place is not None for place in chosen) < 140
