"""What is in the repository, and what never is."""

from __future__ import annotations

import re
from pathlib import Path

from tests.house.tree import text_of, tracked
from tests.places import ROOT

NODE_FILES = tuple(
    f"{folder}/{name}" for folder in ("tests/node", "bench") for name in ("package-lock.json", ".npmrc")
)
WELL_KNOWN = ("vault/crypto/bip39_english.txt", "LICENSE", "tests/vectors/keys.json")
LOCKS = (
    "requirements.lock",
    "requirements-dev.lock",
    "requirements-postgres.lock",
    "requirements-aws.lock",
    "requirements-dictation.lock",
    "requirements-redis.lock",
    "bench/requirements.txt",
    "tests/archive/oracles.lock",
    "tests/archive/bagit.lock",
    *NODE_FILES,
)

# In pieces, so that this file does not hold what it looks for.
NOT_ABOUT_THE_PRODUCT = "|".join(
    (
        *("clau" + "de", "anthro" + "pic", "open" + "ai", "co" + "pilot", "chat" + "gpt"),
        *("ai[- ]" + "generated", "language" + " model", "generated" + " by ai"),
    )
)
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:wo" + r"rk|ho" + r"me/\w+|ro" + r"ot|Us" + r"ers/\w+)/\w")


def texts() -> list[tuple[str, str]]:
    """Path and text of every text file."""
    found = ((path.relative_to(ROOT).as_posix(), text_of(path)) for path in tracked())
    return [(name, text) for name, text in found if text is not None]


def test_files_speak_of_the_product_alone():
    for name, text in texts():
        if name not in WELL_KNOWN:
            found = re.search(rf"\b(?:{NOT_ABOUT_THE_PRODUCT})", text, re.I)
            assert not found, f"{name}: {found.group() if found else ''}"


def test_no_file_knows_the_machine_it_was_written_on():
    for name, text in texts():
        found = MACHINE_PATH.search(text)
        assert not found, f"{name}: {found.group() if found else ''}"


def test_lock_files_name_versions_and_hashes_and_no_address():
    for name in LOCKS:
        text = (ROOT / name).read_text(encoding="utf-8")
        assert not re.search(r"https?://|--index-url|registry\s*=", text), name
    for name in LOCKS[:5]:
        text = (ROOT / name).read_text(encoding="utf-8")
        pinned = re.findall(r"^[A-Za-z0-9][\w.\-\[\]]*==", text, re.M)
        assert len(pinned) > 10
        assert text.count("--hash=sha256:") >= len(pinned), name


def test_the_other_locks_hold_what_the_runtime_lock_holds():
    runtime, *others = (set(re.findall(r"^\S+==\S+", _read(name), re.M)) for name in LOCKS[:5])
    assert all(runtime <= other for other in others)


def test_files_are_plain_and_small():
    for path in tracked():
        name = path.relative_to(ROOT).as_posix()
        assert path.stat().st_size < 600_000, name
        text = text_of(path)
        if text is None:
            assert path.suffix in (".png", ".ico", ".woff2", ".ttf"), f"{name} is not text"
        else:
            assert "\r\n" not in text, name
            assert not text or text.endswith("\n") or name in WELL_KNOWN, f"{name} has no last line end"


def test_the_licence_is_the_whole_text():
    from hashlib import sha256

    digest = sha256((ROOT / "LICENSE").read_bytes()).hexdigest()
    assert digest == "0d96a4ff68ad6d4b6f1f30f713b18d5184912ba8dd389f86aa7710db079abcb0"


def _read(name: str) -> str:
    return Path(ROOT / name).read_text(encoding="utf-8")
