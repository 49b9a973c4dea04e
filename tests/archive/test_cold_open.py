"""Thirty years on: an empty folder, the tar, one archive identity, and programs of others or the one in the package."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
import venv
from pathlib import Path

import cffi
import cryptography
import pytest

from tests.archive.packages import SIZES, Desk, packed
from vault.archive.index import read_index
from vault.archive.package import CONTENT, DOCUMENTATION, INDEX, DisposalClass
from vault.crypto import identity

PYTHON_MODULES = ("cryptography", "cffi", "pycparser", "_cffi_backend")


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python of its own that has `cryptography` and what that needs, and nothing of ours."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    (packages,) = folder.glob("lib/python*/site-packages")
    for library in {Path(cryptography.__file__).parents[1], Path(cffi.__file__).parents[1]}:
        for path in library.iterdir():
            if path.name.split(".")[0] in PYTHON_MODULES:
                (packages / path.name).symlink_to(path)
    return folder / "bin" / "python"


@pytest.fixture(params=list(DisposalClass), ids=lambda disposal: disposal.value)
def desk(request) -> Desk:
    return Desk(request.param)


def laid_out(desk: Desk, folder: Path, sizes=SIZES) -> Path:
    """The folder holds the tar alone, and an identity; the tar's path."""
    content, written = packed(desk.package(sizes), desk.store)
    (folder / f"{written.name}.tar").write_bytes(content)
    (folder / "identity.txt").write_text(f"# desk 2, safe\n{desk.identities[1]}\n", encoding="utf-8")
    return folder / f"{written.name}.tar"


def opened(python: Path, tar: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What the program in the package does with it, started from an empty environment."""
    with tarfile.open(tar) as files:
        program = files.extractfile(f"{tar.stem}/{DOCUMENTATION}/open_aip.py").read()
    (tar.parent / "open_aip.py").write_bytes(program)
    command = [python, "-I", "open_aip.py", *arguments]
    return subprocess.run(command, cwd=tar.parent, env={}, capture_output=True, text=True)


def test_the_program_in_the_package_opens_all_that_may_be_opened(desk, bare_python, tmp_path):
    tar = laid_out(desk, tmp_path)

    done = opened(bare_python, tar, tar.name, "identity.txt", "opened")

    found = {path.name: path.read_bytes() for path in (tmp_path / "opened").iterdir()}
    index = read_index(found.pop("index.json"))
    assert len(index.entries) == len(SIZES)
    if desk.disposal is DisposalClass.PERMANENT:
        assert (done.returncode, done.stderr) == (0, "")
        assert sorted(found.values()) == sorted(desk.contents)
        names = {entry.file_name for entry in index.entries}
        assert sorted(found.keys() - names) == ["Yusuf family, visa (2).pdf", "Yusuf family, visa (3).pdf"]
        assert len(found.keys() & names) == 3
    else:
        assert (done.returncode, found) == (1, {})
        assert done.stderr.count("NOT OPENED, its key never left the vault") == len(SIZES)


def test_npms_age_encryption_opens_every_file_and_the_index(node_packages, tmp_path):
    desk = Desk()
    tar = laid_out(desk, tmp_path, (0, 65537))
    with tarfile.open(tar) as files:
        sealed = {each.name.partition("/")[2]: files.extractfile(each).read() for each in files}

    def by_npm(content: bytes, number: int = 0) -> bytes:
        command = ["node", node_packages / "age.mjs", "decrypt", desk.identities[number]]
        return subprocess.run(command, input=content, check=True, capture_output=True).stdout

    index = read_index(by_npm(sealed[INDEX], 1))
    for entry in index.entries:
        content = by_npm(sealed[f"{CONTENT}/{entry.id}.age"])
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry.length, entry.sha256)
        assert content in desk.contents


def test_npms_age_encryption_opens_no_file_of_a_class_that_is_disposed_of(node_packages, tmp_path):
    desk = Desk(DisposalClass.RECORDING)
    tar = laid_out(desk, tmp_path, (1,))
    with tarfile.open(tar) as files:
        (sealed,) = [files.extractfile(each).read() for each in files if "/rep1/data/" in each.name]
    command = ["node", node_packages / "age.mjs", "decrypt", desk.identities[0]]
    done = subprocess.run(command, input=sealed, capture_output=True)
    assert done.returncode != 0
    assert done.stdout == b""


@pytest.mark.parametrize(
    "fault", ["another identity", "mistyped identity", "no identity", "damaged file", "damaged head"]
)
def test_the_program_says_why_it_opens_nothing(fault, bare_python, tmp_path):
    desk = Desk()
    tar = laid_out(desk, tmp_path, (1, 200_000))
    own = desk.identities[1]
    wrong = {
        "another identity": identity.age_identity(identity.new_seed()),
        "mistyped identity": own[:-1] + ("Q" if own[-1] != "Q" else "P"),
        "no identity": own.replace("PQ-", ""),
    }
    if fault in wrong:
        (tmp_path / "identity.txt").write_text(wrong[fault], encoding="utf-8")
    else:
        content = bytearray(tar.read_bytes())
        content[150_000 if fault == "damaged file" else content.index(b"-> mlkem") + 50] ^= 1
        tar.write_bytes(content)

    done = opened(bare_python, tar, tar.name, "identity.txt", "opened")

    says = {
        "another identity": "not made for this identity",
        "mistyped identity": "its checksum does not fit",
        "no identity": "there is no line",
    }
    assert done.returncode == 1
    assert says.get(fault, "is damaged") in done.stderr
    assert not (tmp_path / "opened").exists()


def test_an_unpacked_package_opens_as_well_and_names_lead_nowhere_else(bare_python, tmp_path, monkeypatch):
    names = ("../../etc/pass:wd", "\u202egpj.exe", "\u00e9" * 200 + ".pdf", "index.json")
    desk, wanted = Desk(), iter(names)
    monkeypatch.setattr("tests.archive.packages.file_name_of", lambda number: next(wanted))
    tar = laid_out(desk, tmp_path, (5, 5, 5, 5))
    with tarfile.open(tar) as files:
        files.extractall(tmp_path, filter="data")
    done = opened(bare_python, tar, tar.stem, "identity.txt", "opened")
    assert done.returncode == 0, done.stderr
    found = {path.name for path in (tmp_path / "opened").iterdir()}
    expected = {"_.._etc_pass_wd", "_gpj.exe", "\u00e9" * 90 + ".pdf", "index (2).json", "index.json"}
    assert found == expected
    again = opened(bare_python, tar, tar.stem, "identity.txt", "opened")
    assert again.returncode == 1
    assert again.stderr.startswith("Not opened: ")
