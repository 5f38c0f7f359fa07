"""Sounds in a zip beside a table: both complete, and the right ones from the cache."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from convert.datasets.noise.esc10 import read_noises
from convert.datasets.speech.clips import read_corpus
from device.errors import MediaError


def test_a_zip_with_too_few_clips_is_refused(corpora: Path, tmp_path: Path) -> None:
    (tmp_path / "savee.zip").write_bytes((corpora / "speech" / "savee.zip").read_bytes())
    table = (corpora / "speech" / "savee.csv").read_text()
    (tmp_path / "savee.csv").write_text(table + table.splitlines()[1].replace("DC_an01", "DC_an99") + "\n")
    with pytest.raises(MediaError, match=r"savee\.zip: contains 56 of 57 clips; copy it again"):
        read_corpus(tmp_path, "savee")
    content = (tmp_path / "savee.zip").read_bytes()
    (tmp_path / "savee.zip").write_bytes(content[: len(content) // 2])
    with pytest.raises(MediaError, match=r"savee\.zip: cannot be read as a zip"):
        read_corpus(tmp_path, "savee")


def savee_copy(corpora: Path, folder: Path) -> tuple[Path, list[str]]:
    """(its table, the lines of it), beside a copy of its zip."""
    (folder / "savee.zip").write_bytes((corpora / "speech" / "savee.zip").read_bytes())
    lines = (corpora / "speech" / "savee.csv").read_text().splitlines()
    (folder / "savee.csv").write_text("\n".join(lines))
    return folder / "savee.csv", lines


def test_the_cache_returns_the_right_clips_whatever_the_order_of_the_table(corpora: Path, tmp_path: Path) -> None:
    table, lines = savee_copy(corpora, tmp_path)
    before = {clip.name: clip.samples for clip in read_corpus(tmp_path, "savee", tmp_path / "cache")}
    table.write_text("\n".join([lines[0], *lines[:0:-1]]))
    after = read_corpus(tmp_path, "savee", tmp_path / "cache")
    assert [clip.name for clip in after] == list(before)[::-1]
    for clip in after:
        np.testing.assert_array_equal(clip.samples, before[clip.name])


def test_another_zip_with_the_same_names_is_decoded_again(corpora: Path, tmp_path: Path) -> None:
    savee_copy(corpora, tmp_path)
    first = read_corpus(tmp_path, "savee", tmp_path / "cache")
    with zipfile.ZipFile(tmp_path / "savee.zip") as members:
        content = {name: members.read(name) for name in members.namelist()}
    content["DC_an01.opus"] = content["KL_an02.opus"]
    with zipfile.ZipFile(tmp_path / "savee.zip", "w") as members:
        for name, data in content.items():
            members.writestr(name, data)
    again = read_corpus(tmp_path, "savee", tmp_path / "cache")
    changed = [a.name for a, b in zip(first, again, strict=True) if not np.array_equal(a.samples, b.samples)]
    assert changed == ["DC_an01"]


def test_a_truncated_table_is_refused_unless_allowed(corpora: Path, tmp_path: Path) -> None:
    table, lines = savee_copy(corpora, tmp_path)
    table.write_text("\n".join(lines[:21]))
    with pytest.raises(MediaError, match=r"savee\.csv: lists 20 of the 56 clips in savee\.zip; copy it again, or"):
        read_corpus(tmp_path, "savee")
    assert len(read_corpus(tmp_path, "savee", part=True)) == 20
    table.write_text("\n".join(lines)[:-40])
    with pytest.raises(MediaError, match=r"savee\.csv, line 57: the row is cut off; copy the file again"):
        read_corpus(tmp_path, "savee")
    for name in ("esc10.csv", "esc10.zip"):
        (tmp_path / name).write_bytes((corpora / "noise" / name).read_bytes())
    (tmp_path / "esc10.csv").write_text("\n".join((tmp_path / "esc10.csv").read_text().splitlines()[:6]))
    with pytest.raises(MediaError, match=r"esc10\.csv: lists 5 of the 10 clips in esc10\.zip"):
        read_noises(tmp_path)
    assert len(read_noises(tmp_path, part=True)[0]) == 4


def test_a_table_with_other_columns_or_encoding_is_reported(corpora: Path, tmp_path: Path) -> None:
    table, lines = savee_copy(corpora, tmp_path)
    table.write_text("\n".join([lines[0].replace("name,", "file,"), *lines[1:]]))
    with pytest.raises(MediaError, match=r"savee\.csv: no column name; copy the file again"):
        read_corpus(tmp_path, "savee")
    table.write_bytes("\n".join([*lines[:5], "Grüße", *lines[5:]]).encode("latin-1"))
    with pytest.raises(MediaError, match=r"savee\.csv, line \d+: cannot be read as a table .*utf-8"):
        read_corpus(tmp_path, "savee")
    table.write_text("\n".join(lines).replace("DC_an01", '"DC_an01'))
    with pytest.raises(MediaError, match=r"savee\.csv, line \d+: cannot be read as a table"):
        read_corpus(tmp_path, "savee")
    (tmp_path / "esc10.csv").write_text("file\n1-1-A\n")
    (tmp_path / "esc10.zip").write_bytes((corpora / "noise" / "esc10.zip").read_bytes())
    with pytest.raises(MediaError, match=r"esc10\.csv: no column name or label"):
        read_noises(tmp_path)
