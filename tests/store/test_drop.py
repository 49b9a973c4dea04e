"""Drops, in a folder and in a bucket: a file shows whole or not at all, and is never written over."""

from __future__ import annotations

import os

import pytest

from vault.errors import Conflict, Misconfigured, NotFound, StoreUnavailable
from vault.store.drop import FolderDrop, open_drop
from vault.store.s3.drop import PART, S3Drop

NAME = "SIP-1.tar"


@pytest.fixture(params=["folder", "moto"])
def drop(request, tmp_path):
    if request.param == "folder":
        return FolderDrop(tmp_path)
    server = request.getfixturevalue("moto")
    return S3Drop(server.new_bucket(), server.service)


def test_a_file_is_there_once_and_whole(drop):
    content = os.urandom(PART + 5)
    assert drop.size(NAME) is None
    drop.write(
        NAME, lambda take: [take(content[at : at + 300_000]) for at in range(0, len(content), 300_000)]
    )
    drop.write("other", lambda take: take(b""))
    assert (drop.size(NAME), drop.size("other")) == (len(content), 0)
    assert b"".join(drop.read(NAME)) == content
    with pytest.raises(Conflict):
        drop.write(NAME, lambda take: take(b"another"))
    drop.tidy(NAME)
    assert b"".join(drop.read(NAME)) == content
    with pytest.raises(NotFound):
        b"".join(drop.read("nothing"))


@pytest.mark.parametrize("size", [10, PART + 5])
def test_what_breaks_off_leaves_nothing_and_somebody_elses_file_stays(drop, size):
    def breaks(take):
        take(bytes(size))
        assert drop.size(NAME) is None
        raise ZeroDivisionError

    def is_late(take):
        take(bytes(size))
        drop.write("later", lambda take: take(b"x")) if drop.size("later") is None else None
        put_by_another(drop)

    with pytest.raises(ZeroDivisionError):
        drop.write(NAME, breaks)
    assert left_of(drop) == []
    with pytest.raises(Conflict):
        drop.write(NAME, is_late)
    assert b"".join(drop.read(NAME)) == b"first"
    assert sorted(left_of(drop)) == [NAME, "later"]


def put_by_another(drop) -> None:
    """Somebody who does not know the vault's rules lays a file down under the name."""
    if isinstance(drop, FolderDrop):
        (drop._path / NAME).write_bytes(b"first")
    else:
        drop._bucket.ask("put_object", Key=f"vault/{NAME}", Body=b"first")


def left_of(drop) -> list[str]:
    """All that lies there, also what is not finished."""
    if isinstance(drop, FolderDrop):
        return [path.name for path in drop._path.iterdir()]
    assert not list(drop._bucket.uploads(""))
    return [found["Key"].removeprefix("vault/") for found in drop._bucket.listed("")]


def test_what_a_killed_run_left_is_written_over(tmp_path):
    (tmp_path / f".{NAME}.part").write_bytes(b"longer than what comes")
    drop = FolderDrop(tmp_path)
    drop.write(NAME, lambda take: take(b"short"))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {NAME: b"short"}


def test_uploads_of_a_killed_run_are_ended(moto):
    drop = S3Drop(moto.new_bucket(), moto.service)
    drop._bucket.ask("create_multipart_upload", Key=f"vault/{NAME}")
    drop._bucket.ask("create_multipart_upload", Key=f"vault/{NAME}.other")
    drop.write(NAME, lambda take: take(b"short"))
    assert [upload["Key"] for upload in drop._bucket.uploads("")] == [f"vault/{NAME}.other"]


def test_a_folder_that_is_not_there_is_not_made(tmp_path):
    drop = open_drop(f"folder:{tmp_path / 'not mounted'}")
    for act in (lambda: drop.size(NAME), lambda: drop.write(NAME, lambda take: take(b""))):
        with pytest.raises(StoreUnavailable):
            act()
    assert not list(tmp_path.iterdir())


def test_a_link_or_a_folder_is_no_file(tmp_path):
    (tmp_path / "target").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "inner").mkdir()
    drop = FolderDrop(tmp_path)
    assert (drop.size("link"), drop.size("inner"), drop.size("target")) == (None, None, 1)


@pytest.mark.parametrize("spec", ["", "folder:", "disk:/x", "s3://", "s3://UPPER/x", "ftp://x"])
def test_other_places_are_not_understood(spec):
    with pytest.raises(Misconfigured):
        open_drop(spec)
