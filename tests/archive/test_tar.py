"""The tar is one that others read, at any size, and that we read in one spelling only."""

from __future__ import annotations

import io
import random
import tarfile

import pytest

from tests.archive.packages import pieces
from vault.archive.sums import lanes
from vault.archive.tar import Broken, TarReader, TarWriter, header

GIBIBYTE = 1 << 30
LONG = "AIP-3fa90000-0000-4000-8000-000000000001-v999999/data/representations/rep1/metadata/preservation/premis.xml"


def made(files: dict[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with lanes() as counting:
        writer = TarWriter(sink, counting)
        for path, content in files.items():
            writer.add(path, len(content), pieces(content, 1000))
        writer.end()
    return sink.getvalue()


def read(content: bytes, size: int = 1000) -> dict[str, bytes]:
    with lanes() as counting:
        reader = TarReader(pieces(content, size), counting)
        return {path: b"".join(reader.content()) for path, _ in reader.files()}


def test_others_read_what_we_write_and_so_do_we():
    files = {f"top/{size}": random.randbytes(size) for size in (0, 1, 511, 512, 513, 10_000)} | {LONG: b"x"}
    content = made(files)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        found = {each.name: tar.extractfile(each).read() for each in tar}
        plain = {(each.mode, each.uid, each.gid, each.mtime, each.uname, each.type) for each in tar}
    assert found == files
    assert plain == {(0o444, 0, 0, 0, "", b"0")}
    for size in (1, 512, 1 << 20):
        assert read(content, size) == files


@pytest.mark.parametrize("size", [8 * GIBIBYTE - 1, 8 * GIBIBYTE, 9 * GIBIBYTE + 5, 1000 * GIBIBYTE])
def test_a_file_over_8_gib_has_its_size(size, tmp_path):
    """A hole stands for its content: nothing is written there."""
    start = header(LONG, size)
    with (tmp_path / "sparse.tar").open("wb") as file:
        file.write(start)
        file.seek(len(start) + size + -size % 512)
        file.write(made({"top/next": b"after it"}))
    with tarfile.open(tmp_path / "sparse.tar") as tar:
        assert [(each.name, each.size) for each in tar] == [(LONG, size), ("top/next", 8)]
    with lanes() as counting:
        assert next(TarReader(pieces(start), counting).files()) == (LONG, size)


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "a/../b", "a//b", "a/", "~/a", "ä", "a b", "a\n", "x" * 181, "x/" + "y" * 101]
)
def test_a_path_that_could_lead_elsewhere_is_not_written(path):
    with pytest.raises(ValueError):
        header(path, 1)


def test_a_file_that_is_not_as_long_as_announced_is_refused():
    with lanes() as counting, pytest.raises(ValueError):
        TarWriter(io.BytesIO(), counting).add("top/a", 3, [b"ab"])


def foreign(**values: object) -> bytes:
    """A tar of one file as Python writes it: another spelling, or a trick."""
    sink = io.BytesIO()
    member = tarfile.TarInfo("top/a")
    member.size, member.mode = 2, 0o444
    for name, value in values.items():
        setattr(member, name, value)
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(member, io.BytesIO(b"ab"))
    return sink.getvalue()


TRICKS = {
    "mode": foreign(mode=0o644),
    "owner": foreign(uid=7),
    "owner's name": foreign(uname="root"),
    "time": foreign(mtime=1),
    "symbolic link": foreign(type=tarfile.SYMTYPE, linkname="/etc/passwd", size=0),
    "hard link": foreign(type=tarfile.LNKTYPE, linkname="top/b", size=0),
    "folder": foreign(type=tarfile.DIRTYPE, size=0),
    "device": foreign(type=tarfile.CHRTYPE, size=0),
    "sparse": foreign(type=tarfile.GNUTYPE_SPARSE),
    "path upwards": foreign(name="top/../../a"),
    "absolute path": foreign(name="/top/a"),
    "pax path": foreign(pax_headers={"path": "elsewhere"}),
    "pax comment": foreign(pax_headers={"comment": "hidden"}),
    "global pax": foreign(type=tarfile.XGLTYPE),
    "record padding": foreign(),
    "nothing": b"",
    "no end": made({"top/a": b"ab"})[:-1024],
    "one block of end": made({"top/a": b"ab"})[:-512],
    "more behind the end": made({"top/a": b"ab"}) + b"\0",
    "filled padding": made({"top/a": b"ab"}).replace(b"ab" + bytes(510), b"ab" + bytes(509) + b"x"),
    "cut content": made({"top/a": b"ab" * 900})[:1400],
    "a size in pax that needs none": header("top/a", 8 * GIBIBYTE).replace(
        b"size=8589934592", b"size=1589934592"
    ),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_a_tar_in_another_spelling_is_broken(trick):
    with pytest.raises(Broken):
        read(TRICKS[trick])
