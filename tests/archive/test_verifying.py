"""A package that is read back is whole and nothing else: each byte counts, and what is wrong is named."""

from __future__ import annotations

import hashlib
import io
import random
import re
import tarfile
from collections.abc import Callable

import pytest

from tests.archive.packages import Desk, packed, pieces
from tests.places import ROOT, SUITES
from vault.archive import bag
from vault.archive.bag import Defect
from vault.archive.mets import references
from vault.archive.package import METS, REPRESENTATION_METS
from vault.archive.sums import Sums, lanes
from vault.archive.tar import END, TarWriter, header
from vault.archive.verifying import TEXT_LIMIT, verify_package
from vault.errors import Tampered

FLIPS = 300
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def whole() -> bytes:
    desk = Desk()
    return packed(desk.package([70_000, 0]), desk.store)[0]


@pytest.fixture(scope="module")
def files(whole) -> Files:
    """The files of a package by their paths in the bag."""
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        return {each.name.partition("/")[2]: tar.extractfile(each).read() for each in tar}


@pytest.fixture(scope="module")
def name(whole) -> str:
    return verify_package(pieces(whole)).name


def test_a_package_is_whole_under_its_own_name_alone(whole, name):
    report = verify_package(pieces(whole), name)
    report.check()
    assert report.is_whole
    assert report.tar == sums_of(whole)
    assert verify_package(pieces(whole), name[:-1] + "2").defects == [Defect("name", name)]


def test_any_other_byte_is_noticed(whole):
    """One flipped bit in each of 300 slices of the tar, and in every block of its last 20."""
    step = len(whole) // FLIPS
    places = [random.randrange(at, at + step) for at in range(0, len(whole) - step, step)]
    places += [random.randrange(at, at + 512) for at in range(len(whole) - 20 * 512, len(whole), 512)]
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1 << random.randrange(8)
        report = verify_package([bytes(changed)])
        assert not report.is_whole, place
        with pytest.raises(Tampered):
            report.check()


@pytest.mark.parametrize("size", [0, 1, 511, 512, 1000, -1024, -513, -1])
def test_a_package_that_is_cut_short_is_noticed(whole, size):
    assert [defect.kind for defect in verify_package(pieces(whole[:size])).defects] == ["tar"]


def sums_of(content: bytes) -> Sums:
    return Sums(len(content), hashlib.sha256(content).hexdigest(), hashlib.sha512(content).hexdigest())


def tar_of(files: Files, name: str) -> bytes:
    sink = io.BytesIO()
    with lanes() as counting:
        writer = TarWriter(sink, counting)
        for path, content in files.items():
            writer.add(f"{name}/{path}", len(content), [content])
        writer.end()
    return sink.getvalue()


def listed_anew(files: Files) -> Files:
    """The same files, with all manifests and the oxum right: what one who may write anything would send."""
    kept = {path: content for path, content in files.items() if path not in bag.MANIFESTS}
    kept = {path: content for path, content in kept.items() if path not in bag.TAG_MANIFESTS}
    counted = {path: sums_of(content) for path, content in kept.items()}
    lines = kept["bag-info.txt"].split(b"\n")
    lines = [
        b"Payload-Oxum: " + bag.payload_oxum(counted).encode() if b"Oxum" in line else line for line in lines
    ]
    kept["bag-info.txt"] = b"\n".join(lines)
    for manifest in (*bag.MANIFESTS, *bag.TAG_MANIFESTS):
        kept[manifest] = bag.manifest(manifest, {path: sums_of(content) for path, content in kept.items()})
    return kept


def test_the_writer_of_these_tests_writes_whole_packages(files, name):
    assert listed_anew(files) == files
    assert verify_package([tar_of(files, name)]).is_whole


def edited(path: str, change: Callable[[bytes], bytes], anew: bool = False) -> Callable[[Files], Files]:
    """One file changed; with `anew`, and every manifest that lists it."""

    def edit(files: Files) -> Files:
        changed = files | {path: change(files[path])}
        assert changed != files
        return listed_anew(changed) if anew else changed

    return edit


def without(path: str, anew: bool = False) -> Callable[[Files], Files]:
    def drop(files: Files) -> Files:
        kept = {each: content for each, content in files.items() if each != path}
        return listed_anew(kept) if anew else kept

    return drop


def added(path: str, anew: bool = False) -> Callable[[Files], Files]:
    return lambda files: listed_anew(files | {path: b"x"}) if anew else files | {path: b"x"}


def replaced(old: bytes, new: bytes, count: int = 1) -> Callable[[bytes], bytes]:
    return lambda content: content.replace(old, new, count)


def lines(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[bytes], bytes]:
    return lambda content: b"".join(change(content.splitlines(keepends=True)))


MANIFEST, SECOND, TAGS, INFO = (
    "manifest-sha256.txt",
    "manifest-sha512.txt",
    "tagmanifest-sha256.txt",
    "bag-info.txt",
)
DC = "data/metadata/descriptive/dc.xml"
BAD: dict[str, tuple[Callable[[Files], Files], str]] = {
    # RFC 8493 §2.1.1: the declaration
    "no declaration": (without("bagit.txt", anew=True), "missing"),
    "declaration of 0.97": (edited("bagit.txt", replaced(b"1.0", b"0.97"), True), "declaration"),
    "declaration of 1.1": (edited("bagit.txt", replaced(b"1.0", b"1.1"), True), "declaration"),
    "space before the colon": (edited("bagit.txt", replaced(b"sion:", b"sion :"), True), "declaration"),
    "two spaces behind the colon": (edited("bagit.txt", replaced(b": 1", b":  1"), True), "declaration"),
    "byte order mark in the declaration": (edited("bagit.txt", lambda b: b"\xef\xbb\xbf" + b, True), "declaration"),
    "another encoding": (edited("bagit.txt", replaced(b"UTF-8", b"UTF-16"), True), "declaration"),
    "carriage returns in the declaration": (edited("bagit.txt", replaced(b"\n", b"\r\n", 2), True), "declaration"),
    "a third line in the declaration": (edited("bagit.txt", lambda b: b + b"X: y\n", True), "declaration"),
    # §2.1.2, §3: payload and manifests
    "no payload": (lambda f: {p: c for p, c in f.items() if not p.startswith("data/")}, "no-payload"),
    "no manifest": (without(MANIFEST), "missing"),
    "no second manifest": (without(SECOND), "missing"),
    "no tag manifest": (without(TAGS), "missing"),
    "a file missing": (without(DC), "missing"),
    "a file missing that no manifest lists": (without(DC, anew=True), "missing"),
    "a file that no manifest lists": (added("data/extra.txt"), "unlisted"),
    "a file in one manifest alone": (edited(MANIFEST, lines(lambda found: found[1:])), "unlisted"),
    "a line for a file that is not there": (
        edited(MANIFEST, lines(lambda found: [*found, b"0" * 64 + b"  data/zz\n"])), "missing"),
    "the same line twice": (edited(MANIFEST, lines(lambda found: [found[0], *found])), "twice"),
    "a file twice with two digests": (
        edited(MANIFEST, lines(lambda found: [found[0][:-1].replace(b"0", b"1") + b"\n", *found])), "twice"),
    "a digest of another": (edited(MANIFEST, lambda b: bytes([b[0] ^ 1]) + b[1:]), "manifest"),
    "digests changed about": (
        edited(MANIFEST, lines(lambda f: [f[1][:64] + f[0][64:], f[0][:64] + f[1][64:], *f[2:]])), "digest"),
    "a digest in capitals": (edited(MANIFEST, lambda b: b[:64].upper() + b[64:]), "manifest"),
    "a digest cut short": (edited(MANIFEST, lambda b: b[1:]), "manifest"),
    "a digest of the other algorithm": (edited(MANIFEST, lambda b: b[:64] + b), "manifest"),
    "one space": (edited(MANIFEST, replaced(b"  ", b" ")), "manifest"),
    "a tab": (edited(MANIFEST, replaced(b"  ", b"\t")), "manifest"),
    "a star before the path": (edited(MANIFEST, replaced(b"  ", b" *")), "manifest"),
    "a space before the digest": (edited(MANIFEST, lambda b: b" " + b), "manifest"),
    "a space behind the path": (edited(MANIFEST, replaced(b"\n", b" \n")), "manifest"),
    "an empty line": (edited(MANIFEST, replaced(b"\n", b"\n\n")), "manifest"),
    "no last line end": (edited(MANIFEST, lambda b: b[:-1]), "manifest"),
    "carriage returns": (edited(MANIFEST, replaced(b"\n", b"\r\n", -1)), "manifest"),
    "a byte order mark": (edited(MANIFEST, lambda b: b"\xef\xbb\xbf" + b), "manifest"),
    "bytes that are no UTF-8": (edited(MANIFEST, lambda b: b + b"\xff\n"), "manifest"),
    "an empty manifest": (edited(MANIFEST, lambda b: b""), "unlisted"),
    "another order": (edited(MANIFEST, lines(lambda found: found[::-1])), "manifest"),
    "a path upwards": (edited(MANIFEST, replaced(b"  data/", b"  data/../")), "path"),
    "a path from the root": (edited(MANIFEST, replaced(b"  data/", b"  /data/")), "path"),
    "a path from a home": (edited(MANIFEST, replaced(b"  data/", b"  ~/data/")), "path"),
    "a path with a dot": (edited(MANIFEST, replaced(b"  data/", b"  ./data/")), "path"),
    "a path with a backslash": (edited(MANIFEST, replaced(b"  data/", b"  data\\")), "path"),
    "a percent-encoded path": (edited(MANIFEST, replaced(b"data/", b"data%2F")), "path"),
    "a percent-encoded line end": (edited(MANIFEST, replaced(b".txt\n", b".txt%0A\n")), "path"),
    "a tag file in the manifest": (
        edited(MANIFEST, lines(lambda found: [b"0" * 64 + b"  bagit.txt\n", *found])), "path"),
    "a payload file in the tag manifest": (
        edited(TAGS, lines(lambda found: [*found, b"0" * 64 + b"  data/METS.xml\n"])), "path"),
    "a tag manifest in a tag manifest": (
        edited(TAGS, lines(lambda found: [*found, b"0" * 64 + b"  tagmanifest-sha512.txt\n"])), "path"),
    "a tag file that no tag manifest lists": (edited(TAGS, lines(lambda found: found[1:])), "unlisted"),
    # §2.2: what else may stand there, and may not here
    "fetch.txt": (added("fetch.txt", anew=True), "fetch"),
    "a manifest of MD5": (added("manifest-md5.txt", anew=True), "stray"),
    "another tag file": (added("readme.txt", anew=True), "stray"),
    "no bag-info": (without(INFO), "missing"),
    "a tag twice": (edited(INFO, lines(lambda found: [found[0], *found]), True), "bag-info"),
    "a tag on two lines": (edited(INFO, replaced(b"Mission <Nord>", b"Mission\n <Nord>"), True), "bag-info"),
    "a tag without a value": (edited(INFO, replaced(b"Casevault 0.1.0", b""), True), "bag-info"),
    "a tag that is unknown": (edited(INFO, lambda b: b + b"Contact-Name: A\n", True), "bag-info"),
    "another oxum": (edited(INFO, replaced(b"Oxum: ", b"Oxum: 1")), "oxum"),
    "another identifier": (edited(INFO, replaced(b"-v1\n", b"-v2\n"), True), "name"),
    # our own: layout and METS
    "a payload file that METS does not name": (added("data/extra.txt", anew=True), "not-in-mets"),
    "content that METS has otherwise": (edited(DC, replaced(b"Collection", b"collection"), True), "digest"),
    "METS that is no XML": (edited(METS, lambda b: b[:-9], True), "mets"),
    "METS with a document type": (
        edited(METS, replaced(b"?>\n", b'?>\n<!DOCTYPE mets [<!ENTITY a "b">]>\n'), True), "mets"),
    "METS of another package": (edited(METS, replaced(b'OBJID="AIP-3', b'OBJID="AIP-4'), True), "name"),
    "METS without a digest": (edited(METS, replaced(b'"SHA-256"', b'"SHA-1"'), True), "mets"),
    "METS that names a file outside": (
        edited(METS, replaced(b'"metadata/descriptive/dc.xml"', b'"../../etc/passwd"'), True), "missing"),
    "no METS": (without(METS, anew=True), "missing"),
}  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_bag_is_refused_by_what_is_wrong_with_it(bad, files, name):
    change, kind = BAD[bad]
    found = {defect.kind for defect in verify_package([tar_of(change(files), name)]).defects}
    assert kind in found


PUBLISHED = {
    "bagit-with-invalid-whitespace": "declaration",
    "notAllManifestsListAllFiles": "unlisted",
    "same-filename-listed-twice-with-different-hashes": "twice",
    "same-filename-listed-twice-with-the-same-hash": "twice",
}


@pytest.mark.parametrize("bad", PUBLISHED)
def test_the_bad_bags_of_the_conformance_suite_are_refused(bad, need, name):
    folder = SUITES / "bagit" / "v1.0" / "invalid"
    need("the BagIt suite", folder.is_dir())
    assert {path.name for path in folder.iterdir()} == set(PUBLISHED)
    found = {path.relative_to(folder / bad).as_posix(): path for path in sorted((folder / bad).rglob("*"))}
    files = {place: path.read_bytes() for place, path in found.items() if path.is_file()}
    assert PUBLISHED[bad] in {defect.kind for defect in verify_package([tar_of(files, name)]).defects}


def test_a_file_outside_the_folder_or_there_twice_is_refused(files, name):
    content = tar_of(files, name)[:-1024]
    twice = [(f"{name}/{DC}", "twice"), (f"{name}/{DC.upper()}", "twice")]
    for path, kind in (("elsewhere/a", "folder"), (name, "folder"), *twice):
        more = content + header(path, 1) + b"x".ljust(512, b"\0") + END
        assert kind in {defect.kind for defect in verify_package([more]).defects}


def test_metadata_without_measure_is_not_kept(files, name):
    """Who reads a package keeps its lists in memory, and says no before they are too much."""
    big = tar_of({METS: bytes(TEXT_LIMIT + 1)}, name)
    assert [defect.kind for defect in verify_package(pieces(big)).defects] == ["tar"]


def test_every_defect_stands_in_the_manual():
    sources = [
        (ROOT / "vault" / "archive" / name).read_text(encoding="utf-8") for name in ("bag.py", "verifying.py")
    ]
    kinds = set(re.findall(r'Defect\("([a-z-]+)"', "".join(sources))) | {"fetch", "stray"}
    manual = (ROOT / "docs" / "packages.md").read_text(encoding="utf-8").partition("| defect |")[2]
    assert len(kinds) > 15
    assert set(re.findall(r"`([a-z-]+)`", "".join(re.findall(r"^\| (`.*?) \|", manual, re.M)))) == kinds


def test_mets_says_of_every_file_what_it_is(files):
    objid, named = references(files[METS], METS)
    _, inner = references(files[REPRESENTATION_METS], REPRESENTATION_METS)
    paths = [each.path for each in (*named, *inner) if each.sha256]
    assert sorted(paths) == sorted(path for path in files if path.startswith("data/") and path != METS)
    assert objid.startswith("AIP-")
