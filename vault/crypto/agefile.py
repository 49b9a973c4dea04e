"""Whole age v1 files held in memory: recovery halves, and small files on their way out or in."""

import os
from collections.abc import Sequence

from vault.crypto.header import NONCE, age_header, parse_header, unwrap
from vault.crypto.identity import Identity
from vault.crypto.payload import PayloadWriter, open_payload
from vault.crypto.secret import random_file_key


def encrypt_file(recipients: Sequence[str], content: bytes) -> bytes:
    """An `.age` file under a fresh file key; Invalid for recipients as in `age_header`."""
    file_key, nonce = random_file_key(), os.urandom(NONCE)
    writer = PayloadWriter(file_key, nonce)
    return age_header(file_key, recipients) + nonce + writer.write(content) + writer.finish()


def decrypt_file(identities: Sequence[Identity], file: bytes) -> bytes:
    """The content; Invalid for a malformed header, NoMatch for a file made for others, else Tampered."""
    header = parse_header(file)
    file_key = unwrap(header, identities)
    return b"".join(open_payload(file_key, [file[header.size :]]))
