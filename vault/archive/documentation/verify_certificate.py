"""Check a certificate of this vault on any computer, without a network: whose key signed it, and what it says.

    python3 verify_certificate.py CERTIFICATE.json [--key KEY] [--provisional CERTIFICATE.json]

KEY is the public key of the vault, as hexadecimal digits or as base64. Get it from the vault's owner by another way than
the file. Without it the check says only that the file was not changed since somebody with the key in the file signed it.
With --provisional, a final certificate is compared with the provisional one that it names. This needs Python 3.11 or
newer and the package `cryptography`. Exit code: 0 if it is signed as it stands, 1 if not, 2 for wrong arguments.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = "casevault-certificate/1"
LABEL = b"casevault-v1/certificate\0"
REASONS = {
    "backups_gone": "no backup of the keystore is left that may hold one of the keys",
    "masters_destroyed": "the master keys that could open a backup of the keystore were destroyed",
}
KINDS = {
    "migration": "the active copies of these files were removed; the records live on in the package that is named",
    "disposal": "the keys of these files were destroyed, and the files were removed",
}


class Refused(Exception):
    """The file is no certificate, or not as it was signed; the message says what."""


def checked(content: bytes, key: bytes | None = None) -> tuple[dict[str, Any], bytes]:
    """What the certificate says, and the key that has signed it. Refused for anything that is not exactly that."""
    outer = _read(content)
    try:
        text, signature = outer["certificate"].encode(), _bytes(outer["signature"])
        signer = _bytes(outer["key"])
        Ed25519PublicKey.from_public_bytes(signer).verify(signature, LABEL + text)
        said: dict[str, Any] = _read(text)
        is_one = said["format"] == FORMAT and outer.keys() == {"certificate", "signature", "key"}
    except InvalidSignature:
        raise Refused("the signature does not fit: the file was changed") from None
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Refused("this file is no certificate") from None
    if not is_one:
        raise Refused("this file is no certificate")
    if key is not None and key != signer:
        raise Refused("another key has signed it")
    return said, signer


def require_pair(said: dict[str, Any], provisional: bytes, key: bytes) -> None:
    """The final certificate names exactly this provisional one, which the same key has signed; else Refused."""
    first, _ = checked(provisional, key)
    named = {
        "number": first["number"],
        "sha256": hashlib.sha256(provisional).hexdigest(),
        "issued_at": first["issued_at"],
    }
    if said.get("provisional") != named or first.get("stage", "provisional") != "provisional":
        raise Refused("it is not the final certificate of that provisional one")


def read_key(text: str) -> bytes:
    """32 bytes, spelled as 64 hexadecimal digits or as base64; ValueError for anything else."""
    letters = "".join(text.split())
    key = bytes.fromhex(letters) if len(letters) == 64 else _bytes(letters.rstrip("="))
    if len(key) != 32:
        raise ValueError("a key has 32 bytes")
    return key


def facts(said: dict[str, Any], key: bytes) -> list[str]:
    """What it says, in plain lines."""
    stage = said.get("stage", "provisional")
    lines = [
        f"Certificate {said['number']}, {stage}, signed by the key {key.hex()}",
        f"Issued {said['issued_at']} by the vault {said['vault']}",
        f"Kind: {said['kind']}: {KINDS.get(said['kind'], 'unknown to this program')}",
        f"Files: {said['files'] if 'files' in said else len(said['removed'])}",
    ]
    if stage == "final":
        first = said["provisional"]
        lines.append(f"Final, because {REASONS.get(said['reason'], said['reason'])}")
        lines.append(f"Of the provisional certificate {first['number']}, SHA-256 {first['sha256']}")
    else:
        lines.append(f"Backups of the keystore may hold keys until {said['keystore_backups_until']}")
    lines += [
        f"Remains: {each['object']}: {each['reason']}, until {each['locked_until'] or 'further notice'}"
        for each in said.get("remaining", [])
    ]
    return lines + [f"Limit: {words}" for words in said["limitations"]]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="verify_certificate.py", description="Check a certificate offline.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--key", type=read_key)
    parser.add_argument("--provisional", type=Path)
    asked = parser.parse_args(arguments)
    try:
        said, key = checked(asked.file.read_bytes(), asked.key)
        if asked.provisional is not None:
            require_pair(said, asked.provisional.read_bytes(), key)
        lines = facts(said, key)
    except (Refused, OSError) as fault:
        print(f"NOT VALID: {fault}", file=sys.stderr)
        return 1
    except (KeyError, TypeError, ValueError):
        print("NOT VALID: this file is no certificate", file=sys.stderr)
        return 1
    print("Signed as it stands.", *lines, sep="\n")
    if asked.key is None:
        print("The key was not compared: ask the owner of the vault whether it is theirs.")
    return 0


def _read(content: bytes) -> Any:
    """JSON in its one spelling: names sorted, no spaces, one line end at the end."""
    try:
        values = json.loads(content)
        text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        is_same = text.encode() + b"\n" == content
    except (ValueError, RecursionError):
        raise Refused("this file is no certificate") from None
    if not is_same:
        raise Refused("it is spelled otherwise than it was signed")
    return values


def _bytes(text: str) -> bytes:
    """Base64 without padding, in its one spelling."""
    found = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    if base64.b64encode(found).decode().rstrip("=") != text:
        raise ValueError("another spelling")
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
