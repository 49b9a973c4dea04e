"""Open an archival package: check every sum in it, decrypt its files, and give them back their names.

    python3 open_aip.py AIP-….tar IDENTITY.txt FOLDER

IDENTITY.txt holds a line that begins AGE-SECRET-KEY-PQ-1. FOLDER is made; the files and index.json are put there. The
package may be unpacked already: then name its folder instead of the tar. This needs Python 3.11 or newer and the package
`cryptography`, 50 or newer (`pip install cryptography`). FORMAT.txt says what is done here, so that it can be written anew.
Nothing is asked for, and nothing is sent.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

CONTENT = "data/representations/rep1/data/"
INDEX = "data/metadata/descriptive/index.json.age"
CHUNK = 65536 + 16
LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
SUITE = b"HPKE" + bytes.fromhex("647a00010003")


class Refused(Exception):
    """Something that does not open or is not what it should be; the message says which."""


class Package:
    """The files of a package by their paths, from a tar or from the folder that it was unpacked to."""

    def __init__(self, place: Path) -> None:
        self._folder = place if place.is_dir() else None
        self._tar = None if self._folder else tarfile.open(place)  # noqa: SIM115 - open as long as the program
        self._members: dict[str, Any] = {}
        found = self._tar or [path for path in sorted(place.rglob("*")) if path.is_file()]
        for each in found:
            if isinstance(each, Path):
                self._members[each.relative_to(place).as_posix()] = each
            elif each.isfile():
                self._members[each.name.partition("/")[2]] = each

    def paths(self) -> list[str]:
        return sorted(self._members)

    def open(self, path: str) -> IO[bytes]:
        member = self._members.get(path)
        if member is None:
            raise Refused(f"{path} is missing")
        opened = self._tar.extractfile(member) if self._tar else member.open("rb")
        if opened is None:
            raise Refused(f"{path} is not a file")
        return opened

    def text(self, path: str) -> str:
        with self.open(path) as file:
            return file.read().decode("utf-8")


def check_sums(package: Package) -> int:
    """How many files were compared with the sums in the manifests; all of them, or Refused."""
    sums: dict[str, dict[str, str]] = {}
    for path in package.paths():
        digests = {name: hashlib.new(name) for name in ("sha256", "sha512")}
        with package.open(path) as file:
            while piece := file.read(1 << 20):
                for digest in digests.values():
                    digest.update(piece)
        sums[path] = {name: digest.hexdigest() for name, digest in digests.items()}
    for kind in ("manifest", "tagmanifest"):
        for name in ("sha256", "sha512"):
            lines = package.text(f"{kind}-{name}.txt").splitlines()
            listed = {path: digest for digest, path in (line.split("  ", 1) for line in lines)}
            is_payload = kind == "manifest"
            due = {
                path for path in sums if path.startswith("data/") == is_payload and "tagmanifest-" not in path
            }
            if set(listed) != due:
                raise Refused(f"{kind}-{name}.txt does not list {sorted(due ^ set(listed))[0]} as it should")
            for path, due_digest in listed.items():
                if sums[path][name] != due_digest:
                    raise Refused(f"{path} is damaged: its {name} is another")
    return len(sums)


def read_identity(text: str) -> bytes:
    """The 32 bytes that AGE-SECRET-KEY-PQ-1… spells (Bech32, BIP-173)."""
    for line in text.split():
        prefix, _, letters = line.lower().rpartition("1")
        if prefix == "age-secret-key-pq-" and set(letters) <= set(LETTERS):
            words = [LETTERS.index(letter) for letter in letters]
            if _checksum([*(ord(c) >> 5 for c in prefix), 0, *(ord(c) & 31 for c in prefix), *words]) != 1:
                raise Refused("the identity is mistyped: its checksum does not fit")
            number = int("".join(f"{word:05b}" for word in words[:-6])[:256], 2)
            return number.to_bytes(32, "big")
    raise Refused("there is no line AGE-SECRET-KEY-PQ-1… in the identity file")


def _checksum(words: list[int]) -> int:
    sum_ = 1
    for word in words:
        top = sum_ >> 25
        sum_ = (sum_ & 0x1FFFFFF) << 5 ^ word
        for bit, factor in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            sum_ ^= factor if top >> bit & 1 else 0
    return sum_


def decrypted(file: IO[bytes], seed: bytes) -> Iterator[bytes]:
    """The content of an age file (version 1), chunk by chunk; each is whole and genuine when it is given."""
    key = _file_key(file, seed)
    nonce = file.read(16)
    cipher = ChaCha20Poly1305(_hkdf(key, nonce, b"payload"))
    number, chunk = 0, file.read(CHUNK)
    while True:
        following = file.read(CHUNK)
        last = not following
        try:
            content = cipher.decrypt(number.to_bytes(11, "big") + bytes([last]), chunk, None)
        except InvalidTag:
            raise Refused("it is damaged, or was cut short") from None
        if last and number and not content:
            raise Refused("it is damaged: its last chunk is empty")
        yield content
        if last:
            return
        number, chunk = number + 1, following


def _file_key(file: IO[bytes], seed: bytes) -> bytes:
    """The 16-byte file key from the header, which is read to its end and whose MAC is checked."""
    covered, stanzas = file.readline(), []
    if covered != b"age-encryption.org/v1\n":
        raise Refused("it is no age file")
    while not (line := file.readline(16384)).startswith(b"---"):
        if not line.endswith(b"\n") or len(covered) > 65536:
            raise Refused("its header is damaged")
        covered += line
        if line.startswith(b"-> "):
            stanzas.append((line.split()[1:], bytearray()))
        elif stanzas:
            stanzas[-1][1].extend(line.strip())
    for arguments, body in stanzas:
        if arguments[0] == b"mlkem768x25519" and len(arguments) == 2:
            key = _unwrapped(_unbase64(arguments[1]), _unbase64(bytes(body)), seed)
            if key is not None:
                mac = hmac.digest(_hkdf(key, b"", b"header"), covered + b"---", "sha256")
                if not hmac.compare_digest(mac, _unbase64(line[4:].strip())):
                    raise Refused("its header is damaged")
                return key
    if stanzas and stanzas[0][0][0] == b"casevault/v1":
        raise Refused("its key never left the vault: it is of a class that is disposed of")
    raise Refused("it was not made for this identity")


def _unwrapped(share: bytes, wrapped: bytes, seed: bytes) -> bytes | None:
    """HPKE (RFC 9180) base mode: KEM MLKEM768-X25519 (0x647a), HKDF-SHA256, ChaCha20-Poly1305. None: not for this seed."""
    expanded = hashlib.shake_256(seed).digest(96)
    scalar = X25519PrivateKey.from_private_bytes(expanded[64:])
    ciphertext, point = share[:1088], share[1088:]
    try:
        first = MLKEM768PrivateKey.from_seed_bytes(expanded[:64]).decapsulate(ciphertext)
        second = scalar.exchange(X25519PublicKey.from_public_bytes(point))
    except ValueError:
        raise Refused("its header is damaged") from None
    public = scalar.public_key().public_bytes_raw()
    shared = hashlib.sha3_256(first + second + point + public + rb"\.//^" + b"\\").digest()
    info = b"age-encryption.org/mlkem768x25519"
    context = b"\0" + _extract(b"", b"psk_id_hash", b"") + _extract(b"", b"info_hash", info)
    secret = _extract(shared, b"secret", b"")
    key, nonce = _expand(secret, b"key", context, 32), _expand(secret, b"base_nonce", context, 12)
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, wrapped, None)
    except InvalidTag:
        return None


def _extract(salt: bytes, label: bytes, content: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + SUITE + label + content, "sha256")


def _expand(secret: bytes, label: bytes, content: bytes, length: int) -> bytes:
    info = length.to_bytes(2, "big") + b"HPKE-v1" + SUITE + label + content
    return hmac.digest(secret, info + b"\x01", "sha256")[:length]


def _hkdf(key: bytes, salt: bytes, info: bytes) -> bytes:
    return hmac.digest(hmac.digest(salt or bytes(32), key, "sha256"), info + b"\x01", "sha256")


def _unbase64(text: bytes) -> bytes:
    return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)


def restored(package: Package, path: str, entry: dict[str, Any] | None, seed: bytes, folder: Path) -> str:
    """The file is in the folder under its own name, and is what was deposited; the name that it got."""
    if entry is None:
        raise Refused("the index does not know it")
    aside, digest = folder / ".part", hashlib.sha256()
    try:
        with package.open(path) as source, aside.open("xb") as target:
            for content in decrypted(source, seed):
                digest.update(content)
                target.write(content)
        if digest.hexdigest() != entry["sha256"]:
            raise Refused("it is not the file that was deposited: its SHA-256 is another")
        place = folder / _free_name(entry["file_name"], folder)
        os.rename(aside, place)
    finally:
        aside.unlink(missing_ok=True)
    return place.name


def _free_name(wanted: str, folder: Path) -> str:
    """The name without what leads elsewhere or is not seen, and with a number if another file has it."""
    kept = (letter if letter.isprintable() and letter not in '<>:"/\\|?*' else "_" for letter in wanted)
    plain = "".join(kept).strip(" .") or "file"
    stem, dot, ending = plain.rpartition(".")
    if not stem or len(ending) > 10:
        stem, dot, ending = plain, "", ""
    stem = stem.encode()[:180].decode("utf-8", "ignore")
    name, number = stem + dot + ending, 1
    while (folder / name).exists() or name == "index.json":
        number += 1
        name = f"{stem} ({number}){dot}{ending}"
    return name


def main() -> int:
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    place, identity, folder = map(Path, sys.argv[1:])
    try:
        package = Package(place)
        print(f"{check_sums(package)} files are as their sums say.")
        seed = read_identity(identity.read_text(encoding="utf-8"))
        with package.open(INDEX) as file:
            index = b"".join(decrypted(file, seed))
        folder.mkdir(mode=0o700)
    except (Refused, OSError, ValueError, tarfile.TarError) as fault:
        sys.exit(f"Not opened: {fault}")
    (folder / "index.json").write_bytes(index)
    entries = {f"{CONTENT}{entry['id']}.age": entry for entry in json.loads(index)["entries"]}
    closed = 0
    for path in [path for path in package.paths() if path.startswith(CONTENT)]:
        try:
            name = restored(package, path, entries.get(path), seed, folder)
            print(f"{path.removeprefix(CONTENT)}: {name}")
        except Refused as fault:
            closed += 1
            print(f"{path.removeprefix(CONTENT)}: NOT OPENED, {fault}", file=sys.stderr)
    missing = set(entries) - set(package.paths())
    for path in sorted(missing):
        print(f"{path.removeprefix(CONTENT)}: NOT OPENED, it is missing", file=sys.stderr)
    print(f"{len(entries) - closed - len(missing)} of {len(entries)} files opened.")
    return 1 if closed or missing else 0


if __name__ == "__main__":
    sys.exit(main())
