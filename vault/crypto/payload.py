"""The payload of an age v1 file: chunks of 64 KiB, each sealed on its own, so any part can be read alone.

    payload key = HKDF(FK, salt = payload nonce, "payload")
    chunk nonce = 11-byte big-endian counter ‖ (01 if last else 00)

A chunk holds 65,536 bytes of plaintext and takes 65,552; the last one holds 1…65,536, none in an empty file.
Nothing unverified ever leaves this module.
"""

from collections.abc import Callable, Iterable, Iterator

from vault.crypto import aead
from vault.crypto.header import HEAD, NONCE, check_object_head, head_version
from vault.crypto.kdf import hkdf
from vault.errors import BadRange, Invalid, Tampered

CHUNK = 64 * 1024
SEALED = CHUNK + aead.TAG


def object_length(length: int) -> int:
    """Bytes that an object takes for `length` bytes of plaintext."""
    return HEAD + length + aead.TAG * (_last_chunk(length) + 1)


def plaintext_length(size: int) -> int:
    """Bytes of plaintext in an object of `size` bytes; Tampered for a size that no object has."""
    chunks, rest = divmod(size - HEAD, SEALED)
    if size < HEAD + aead.TAG or 0 < rest < aead.TAG or (rest == aead.TAG and chunks):
        raise Tampered
    return chunks * CHUNK + max(0, rest - aead.TAG)


def check_size(length: int, size: int) -> None:
    """Nothing when an object of `size` bytes can hold `length` bytes of plaintext, else Tampered."""
    if size != object_length(length):
        raise Tampered


class PayloadWriter:
    """Plaintext in, chunks out. A file key and nonce pair may encrypt one payload only (K6).

    With the plaintext's `length` in bytes given, a full chunk leaves at once unless it is the last; without,
    a full chunk waits for more. To resume, start at the number of the first chunk that is not written yet and
    write what was `pending`.
    """

    def __init__(
        self, file_key: bytes, nonce: bytes, first_chunk: int = 0, *, length: int | None = None
    ) -> None:
        self._cipher = aead.Cipher(_payload_key(file_key, nonce))
        self._length = length
        self._waiting = bytearray()
        self.chunk = first_chunk

    @property
    def pending(self) -> bytes:
        """Plaintext that is in no chunk yet, from byte `chunk` * 65,536 on: at most 65,536 bytes."""
        return bytes(self._waiting)

    def write(self, content: bytes | memoryview) -> bytearray:
        """The chunks that are complete now, perhaps none. Invalid beyond the announced length."""
        written = self.chunk * CHUNK + len(self._waiting) + len(content)
        if self._length is not None and written > self._length:
            raise Invalid("The file is longer than announced.")
        maybe_last = self._length is None or written == self._length
        whole = max(0, len(self._waiting) + len(content) - maybe_last) // CHUNK
        sealed, rest = bytearray(whole * SEALED), memoryview(content)
        for at in range(0, len(sealed), SEALED):
            rest = self._seal_next(rest, memoryview(sealed)[at : at + SEALED])
        self._waiting += rest
        return sealed

    def finish(self) -> bytearray:
        """The last chunk. Invalid when the announced length is not reached."""
        if self._length is not None and self.chunk * CHUNK + len(self._waiting) != self._length:
            raise Invalid("The file is shorter than announced.")
        sealed = bytearray(len(self._waiting) + aead.TAG)
        self._seal(self._waiting, True, memoryview(sealed))
        self._waiting = bytearray()
        return sealed

    def _seal_next(self, rest: memoryview, sealed: memoryview) -> memoryview:
        """Fill `sealed` with the next full chunk; returns what is left of `rest`."""
        if not self._waiting:
            self._seal(rest[:CHUNK], False, sealed)
            return rest[CHUNK:]
        missing = CHUNK - len(self._waiting)
        self._waiting += rest[:missing]
        self._seal(self._waiting, False, sealed)
        self._waiting = bytearray()
        return rest[missing:]

    def _seal(self, content: bytearray | memoryview, last: bool, sealed: memoryview) -> None:
        self._cipher.encrypt_into(_nonce(self.chunk, last), content, sealed)
        self.chunk += 1


def read_range(
    head: bytes,
    file_key: bytes,
    length: int,
    start: int,
    end: int,
    read: Callable[[int, int], Iterable[bytes]],
) -> Iterator[bytes]:
    """The plaintext bytes `start`…`end` (inclusive) of an object with `length` of them, chunk by chunk.

    `read(start, end_exclusive)` gives bytes of the object in pieces of any size and is called once. The
    caller has checked the object's size (`check_size`), the seal, and whose head it is (`check_object_head`).
    BadRange and a bad head are raised at once, Tampered for a bad chunk in place of its bytes. Memory: some
    three pieces. An empty object is read with start 0 and end -1.
    """
    nonce = check_object_head(head, head_version(head), file_key)
    if not 0 <= start <= end < length and (length, start, end) != (0, 0, -1):
        raise BadRange(length)
    return _opened(_payload_key(file_key, nonce), length, start, end, read)


def _opened(
    key: bytes, length: int, start: int, end: int, read: Callable[[int, int], Iterable[bytes]]
) -> Iterator[bytes]:
    """One piece of plaintext for each piece read that completes a chunk."""
    cipher, kept = aead.Cipher(key), bytearray()
    number, stop, last = start // CHUNK, max(end, 0) // CHUNK, _last_chunk(length)
    sealed_end = min(HEAD + (stop + 1) * SEALED, object_length(length))
    rest = b""
    for piece in read(HEAD + number * SEALED, sealed_end):
        waiting = rest + piece if rest else piece
        count = min(len(waiting) // SEALED, last - number, stop + 1 - number)
        if number + count == last <= stop and len(waiting) == count * SEALED + _last_size(length):
            count += 1
        size = min(count * SEALED, len(waiting))
        if len(kept) < size:
            kept = bytearray(size)
        _open_chunks(cipher, number, last, memoryview(waiting)[:size], memoryview(kept))
        skipped = max(0, start - number * CHUNK)
        held = min(size - count * aead.TAG, end + 1 - number * CHUNK)
        rest = waiting[size:]
        number += count
        if held > skipped:
            yield bytes(memoryview(kept)[skipped:held])
    if number <= stop or rest:
        raise Tampered


def _open_chunks(cipher: aead.Cipher, number: int, last: int, sealed: memoryview, plain: memoryview) -> None:
    """The plaintext of whole chunks, from chunk `number` on, stands in `plain`. All but the payload's last are full."""
    for at in range(0, len(sealed), SEALED):
        chunk, place = sealed[at : at + SEALED], at // SEALED * CHUNK
        nonce = _nonce(number + at // SEALED, number + at // SEALED == last)
        cipher.decrypt_into(nonce, chunk, plain[place : place + len(chunk) - aead.TAG])


def open_payload(file_key: bytes, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The plaintext of what follows an age header (nonce and chunks), whose length nobody announced.

    Each piece given back is verified; Tampered when a later one is not, or when the end is not the end.
    Invalid without a whole nonce.
    """
    rest = iter(pieces)
    waiting = bytearray()
    while len(waiting) < NONCE:
        piece = next(rest, None)
        if piece is None:
            raise Invalid("This is not a well-formed age v1 file.")
        waiting += piece
    key = _payload_key(file_key, bytes(waiting[:NONCE]))
    del waiting[:NONCE]
    number, ended = 0, False
    while True:
        while len(waiting) >= SEALED and not ended:
            content, ended = _open_full(key, number, bytes(waiting[:SEALED]))
            del waiting[:SEALED]
            number += 1
            yield content
        if ended and waiting:
            raise Tampered
        piece = next(rest, None)
        if piece is None:
            break
        waiting += piece
    if not ended:
        yield _open_short(key, number, bytes(waiting))


def _open_full(key: bytes, number: int, sealed: bytes) -> tuple[bytes, bool]:
    """A full chunk's plaintext, and whether it says of itself that it is the last."""
    try:
        return aead.decrypt(key, _nonce(number, False), sealed), False
    except Tampered:
        return aead.decrypt(key, _nonce(number, True), sealed), True


def _open_short(key: bytes, number: int, sealed: bytes) -> bytes:
    content = aead.decrypt(key, _nonce(number, True), sealed)
    if number and not content:
        raise Tampered
    return content


def _payload_key(file_key: bytes, nonce: bytes) -> bytes:
    return hkdf(file_key, nonce, b"payload")


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _last_chunk(length: int) -> int:
    return max(0, (length - 1) // CHUNK)


def _last_size(length: int) -> int:
    """Bytes of the last sealed chunk."""
    return object_length(length) - HEAD - _last_chunk(length) * SEALED
