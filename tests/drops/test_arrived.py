"""What has arrived stays, whatever another writer sends behind it and whatever fails after it was committed."""

from __future__ import annotations

from contextlib import contextmanager
from io import BytesIO

import pytest

from tests.drops.test_pieces import LONG, PIECE, Tus
from tests.factory import PDF
from vault.access.actor import STRANGER
from vault.drops.arrivals import open_link
from vault.drops.dropping import Offer
from vault.drops.receiving import Door, arrive, receive_drop
from vault.drops.resuming import begin_in_pieces, resume_drop, sender_at, settle_drop
from vault.drops.visits import enter
from vault.errors import Conflict, UploadEnded
from vault.transfers.pieces import receive_piece
from vault.transfers.reading import open_content
from vault.transfers.resumable import Announced

PROGRAM = b"MZ" + LONG[2:]


@pytest.fixture
def desk(make):
    """A member with a bundle, and what is asked for there."""
    owner = make.actor()
    bundle = make.bundle(owner)
    return owner, bundle, make.request(owner, bundle)


@pytest.fixture
def taken_in(desk, act, opened, dropped):
    """`taken_in(length)`: the one file waits, and then is a document that can be read."""
    owner, bundle, asked = desk

    def check(length: int) -> None:
        assert [file.state for file in dropped(asked)] == ["waiting"]
        opened(owner, bundle)
        file = dropped(asked)[0]
        assert file.state == "taken_in"
        with act(owner) as tx:
            assert open_content(tx, file.upload.document_id)[0].length == length

    return check


class Behind(BytesIO):
    """A body whose first byte comes only after somebody else has done something."""

    def __init__(self, content, first):
        super().__init__(content)
        self._first = [first]

    def read(self, size=-1):
        while self._first:
            self._first.pop()()
        return super().read(size)


@pytest.mark.parametrize("late", [PROGRAM, LONG, LONG[::-1], PDF + bytes(len(LONG) - len(PDF))])
def test_a_writer_who_began_before_a_file_arrived_cannot_end_it(
    desk, sender, taken_in, late, runtime, dropped
):
    """The late request has looked at the upload while it was at offset 0; its bytes come after the receipt."""
    clinic = sender(desk[2])
    tus, receipts = Tus(clinic), []

    def arrives():
        assert tus.piece(0, len(LONG)).headers["Casevault-State"] == "stored"
        receipts.append(clinic.receipt().json)

    sent = {"input_stream": Behind(late, arrives), "content_length": len(late)}
    answer = tus.client.patch(tus.url, headers={**PIECE, "Upload-Offset": "0"}, **sent)

    assert answer.status_code in (409, 410, 423), answer.text
    assert [file["length"] for file in receipts[0]["files"]] == [len(LONG)]
    assert runtime.store.partial_size(dropped(desk[2])[0].upload.object_name) is None
    assert clinic.receipt().json["files"] == receipts[0]["files"]
    taken_in(len(LONG))


def test_a_writer_who_is_behind_does_not_end_what_still_comes(desk, sender, taken_in):
    tus = Tus(sender(desk[2]))
    sent = {"input_stream": Behind(PROGRAM, lambda: tus.piece(0, 100_000)), "content_length": len(PROGRAM)}
    answer = tus.client.patch(tus.url, headers={**PIECE, "Upload-Offset": "0"}, **sent)
    assert answer.status_code in (409, 423)
    assert tus.offset() == 100_000
    assert tus.piece(100_000, len(LONG)).headers["Casevault-State"] == "stored"
    taken_in(len(LONG))


def losing(runtime, asked, number):
    """A door whose so-many-th transaction is committed, and then its answer is lost."""
    cookie, begun = open_link(runtime, asked.request.id, asked.secret), []

    @contextmanager
    def transact():
        begun.append(None)
        with runtime.transaction(STRANGER) as tx:
            yield tx
        if len(begun) == number:
            raise Conflict("The answer is lost.")

    return Door(transact, lambda tx: enter(tx, asked.request.id, cookie))


def test_an_error_after_the_commit_ends_no_file_of_a_form(desk, runtime, taken_in):
    door = losing(runtime, desk[2], 2)
    come = receive_drop(door, runtime.store, Offer("form.pdf", "rrf"), iter([PDF]))
    with pytest.raises(Conflict, match="lost"):
        arrive(door, runtime.store, come)
    taken_in(len(PDF))


def test_an_error_after_the_commit_ends_no_file_in_pieces(desk, runtime, taken_in):
    door = losing(runtime, desk[2], 6)
    with door.open() as (tx, entry):
        offer, announced = Offer("form.pdf", "rrf", len(PDF)), Announced(len(PDF))
        file_id = begin_in_pieces(tx, entry, offer, announced).id
    with door.open() as (tx, entry):
        resumed = resume_drop(tx, entry, file_id, 0)
    receive_piece(door.transact, runtime.store, resumed, BytesIO(PDF).read, sender_at(door))
    with pytest.raises(Conflict, match="lost"):
        settle_drop(door, runtime.store, file_id)
    with pytest.raises(UploadEnded):
        settle_drop(door, runtime.store, file_id)
    taken_in(len(PDF))


def test_a_receipt_confirms_nothing_that_was_ended(desk, sender, dropped, tamper, runtime):
    clinic = sender(desk[2])
    clinic.send()
    clinic.send(PDF + b"%2")
    ended = next(file.upload for file in dropped(desk[2]) if file.upload.length == len(PDF))
    tamper(ended, dropped_at=runtime.clock.now())
    assert [file["length"] for file in clinic.receipt().json["files"]] == [len(PDF) + 2]
