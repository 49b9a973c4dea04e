"""What a visit reads: whole and in ranges, verified before the first byte, stopped when the right to it ends."""

from __future__ import annotations

import json
import time
from uuid import uuid4

import pytest
from sqlalchemy import select

from vault.access.actor import STRANGER
from vault.audit.models import AuditEntry
from vault.bundles.documents import withdraw_document
from vault.bundles.models import Document, Version
from vault.shares.arrivals import open_link
from vault.shares.models import Opening, SharedDocument
from vault.shares.service import revoke_share
from vault.shares.visits import enter, finish_visit
from vault.transfers.models import Reading

CONTENT = bytes(range(256)) * 4000
SOUND = b"RIFF" + CONTENT


@pytest.fixture
def desk(make):
    """Somebody with a bundle that holds a document and a recording."""
    owner = make.actor()
    bundle = make.bundle(owner)
    paper = make.document(owner, bundle, CONTENT, title="Form")
    sound = make.document(
        owner, bundle, SOUND, file_name="talk.wav", document_type="interview_audio", title="Talk"
    )
    return owner, [paper, sound]


@pytest.fixture
def lent(make, desk):
    """A link on both."""
    return make.share(*desk)


@pytest.fixture
def visit(client, runtime, lent):
    """`visit("/documents/1/content")` asks with the cookie of an open visit."""
    cookie = open_link(runtime, lent.share.id, lent.secret)
    client.set_cookie(f"visit-{lent.path.removeprefix('/s/')}", cookie)

    def get(path, method="GET", buffered=True, **options):
        return client.open(lent.path + path, method=method, buffered=buffered, **options)

    get.cookie = cookie
    return get


@pytest.fixture
def row_of(runtime, lent):
    """`row_of(SharedDocument)` is the first row of the link's first document, as it is stored."""

    def read(model):
        with runtime.session() as session:
            found = session.scalars(select(SharedDocument).order_by(SharedDocument.position)).first()
            return {
                SharedDocument: found,
                Version: session.get_one(Version, found.version_id),
                Document: session.get_one(Document, found.document_id),
            }[model]

    return read


def test_a_lent_document_comes_whole_under_a_name_of_ours(visit):
    answer = visit("/documents/1/content")

    assert answer.status_code == 200
    assert answer.data == CONTENT
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith('attachment; filename="815-26-')
    assert disposition.endswith('_identity_copy_v1.pdf"')
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_recording_plays_in_place_and_in_ranges(visit):
    answer = visit("/documents/2/content", headers={"Range": "bytes=70000-70009"})

    assert answer.status_code == 206
    assert answer.data == SOUND[70000:70010]
    assert answer.headers["Content-Range"] == f"bytes 70000-70009/{len(SOUND)}"
    assert answer.headers["Content-Disposition"].startswith("inline")


def test_the_waveform_of_a_recording_is_read_like_the_recording(visit, trail):
    answer = visit("/documents/2/waveform")

    assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert trail()[-1] == "share.document_opened"
    assert visit("/documents/1/waveform").status_code == 404
    assert 'data-wave="' in visit("/documents/2/recording").text


def test_head_tells_the_length_and_opens_nothing(visit, trail):
    answer = visit("/documents/1/content", method="HEAD")

    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(CONTENT))
    assert "share.document_opened" not in trail()


def test_what_the_browser_has_is_not_sent_again(visit):
    tag = visit("/documents/1/content").headers["ETag"]

    assert visit("/documents/1/content", headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize("asked", ["bytes=-0", f"bytes={len(CONTENT)}-", "bytes=" + "0-1," * 10_000])
def test_a_range_that_does_not_exist_is_refused(visit, asked):
    answer = visit("/documents/1/content", headers={"Range": asked})

    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(CONTENT)}"


def test_one_event_per_opening_and_document_and_all_ranges_are_kept(visit, runtime, trail, lent):
    for asked in ("bytes=0-9", "bytes=100-199", "bytes=10-19"):
        visit("/documents/1/content", headers={"Range": asked})
    visit("/documents/2/content", headers={"Range": "bytes=0-0"})

    assert trail().count("share.document_opened") == 2
    with runtime.session() as session:
        opening = session.scalars(select(Opening)).one()
        readings = session.scalars(select(Reading).order_by(Reading.bytes_served.desc())).all()
        assert {reading.reader_id for reading in readings} == {opening.id}
        assert [reading.ranges for reading in readings] == [[[0, 19], [100, 199]], [[0, 0]]]
        leaf = session.scalars(select(AuditEntry).where(AuditEntry.event == "share.document_opened")).first()
    assert (leaf.actor_kind, leaf.actor_id, leaf.subject_id) == ("visitor", opening.id, lent.share.id)
    assert json.loads(leaf.leaf)["details"]["opening"] == str(opening.id)


@pytest.mark.parametrize("number", ["0", "3", "99999999999999999999"])
def test_a_document_that_was_not_lent_is_not_there(visit, number):
    assert visit(f"/documents/{number}/content").status_code == 404


def test_without_the_cookie_nothing_is_read(client, lent, visit):
    client.delete_cookie(f"visit-{lent.path.removeprefix('/s/')}")

    assert visit("/documents/1/content").status_code == 410


def test_a_running_download_stops_within_a_second_of_the_revocation(visit, lent, act, runtime):
    answer = visit("/documents/1/content", buffered=False)
    pieces = iter(answer.response)
    got = len(next(pieces))

    with act(lent.owner) as tx:
        revoke_share(tx, lent.share.id, "wrong mission")
    time.sleep(1)
    with pytest.raises(ConnectionResetError):
        next(pieces)
    answer.close()

    with runtime.session() as session:
        assert session.scalars(select(Reading)).one().ranges == [[0, got - 1]]
    assert got < len(CONTENT)


def test_a_running_download_stops_when_the_visit_is_finished(visit, lent, act):
    answer = visit("/documents/1/content", buffered=False)
    pieces = iter(answer.response)
    next(pieces)

    with act(STRANGER) as tx:
        finish_visit(tx, enter(tx, lent.share.id, visit.cookie))
    time.sleep(1)

    with pytest.raises(ConnectionResetError):
        next(pieces)
    answer.close()


def test_a_download_counts_as_use(visit, clock):
    clock.move(minutes=25)
    answer = visit("/documents/1/content", buffered=False)
    clock.move(minutes=25)
    assert b"".join(answer.response) == CONTENT
    answer.close()
    clock.move(minutes=25)

    assert visit("/documents").status_code == 200


def test_no_transaction_is_open_while_bytes_leave(visit, make):
    answer = visit("/documents/1/content", buffered=False)
    pieces = iter(answer.response)
    next(pieces)

    make.person()
    assert sum(len(piece) for piece in pieces) > 0
    answer.close()


def test_a_document_that_was_withdrawn_past_us_is_not_served(visit, desk, act):
    owner, (paper, _sound) = desk
    with act(owner) as tx:
        withdraw_document(tx, paper.id, "wrong file")

    assert visit("/documents/1/content").status_code == 410
    assert visit("/documents/2/content").status_code == 200


@pytest.mark.parametrize(
    ("model", "change"),
    [
        (SharedDocument, lambda row: {"file_lock": row.file_lock[:-1] + bytes([row.file_lock[-1] ^ 1])}),
        (SharedDocument, lambda row: {"file_lock": row.file_lock[:80]}),
        (Version, lambda row: {"seal": None}),
        (Version, lambda row: {"seal": bytes(32)}),
        (Version, lambda row: {"length": row.length - 1}),
        (Version, lambda row: {"head": row.head[:100] + bytes([row.head[100] ^ 1]) + row.head[101:]}),
        (Version, lambda row: {"object_length": row.object_length - 1}),
    ],
)
def test_what_does_not_verify_sends_no_byte(visit, row_of, tamper, trail, model, change):
    row = row_of(model)
    tamper(row, **change(row))

    answer = visit("/documents/1/content")

    assert answer.status_code == 500
    assert CONTENT[:64] not in answer.data
    assert "share.document_opened" not in trail()


def test_a_payload_nonce_of_another_time_sends_no_byte(visit, row_of, tamper):
    version = row_of(Version)
    tamper(version, head=version.head[:-1] + bytes([version.head[-1] ^ 1]))

    answer = visit("/documents/1/content")

    assert answer.status_code == 500
    assert CONTENT[:64] not in answer.data


def test_a_file_lock_of_the_bundle_is_none_of_the_link(visit, row_of, tamper):
    tamper(row_of(SharedDocument), file_lock=row_of(Version).file_lock)

    assert visit("/documents/1/content").status_code == 500


def test_a_version_whose_slot_is_destroyed_is_dead_under_the_link_too(visit, row_of, runtime):
    version = row_of(Version)
    runtime.keystore.warrants.give(uuid4(), bytes(32), {version.slot_id: version.id})
    runtime.keystore.destroy_slot(version.slot_id)

    assert visit("/documents/1/content").status_code == 500


def test_an_object_that_was_cut_sends_no_byte(visit, row_of, runtime):
    version = row_of(Version)
    content = runtime.store.get(version.object_name)
    runtime.store.delete(version.object_name)
    runtime.store.put(version.object_name, content[:-1])

    assert visit("/documents/1/content").status_code == 500
