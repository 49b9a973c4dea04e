"""What tus clients may do, and what every wrong request is told: who asks, what is said in headers, what comes in bodies."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from tests.transfers.conftest import INDIVIDUAL, text_of
from tests.transfers.sending import PIECE, TUS, Sender, assert_tidy, checksum, upload_at, work_off
from vault.access.actor import SYSTEM, Role
from vault.bundles.documents import withdraw_document
from vault.bundles.members import remove_member
from vault.bundles.service import lock_bundle, unlock_bundle
from vault.crypto.passwords import derive
from vault.crypto.payload import CHUNK
from vault.people.service import lock_sign_in
from vault.people.sessions import end_session, start_session
from vault.web import tus

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

CONTENT = text_of(3 * CHUNK + 100)
LENGTH = len(CONTENT)
BEGUN = CHUNK + 33


@pytest.fixture
def begun(sender: Sender) -> str:
    """An upload of `CONTENT` whose first `BEGUN` bytes have come."""
    place = sender.begun(LENGTH)
    assert sender.patch(place, 0, CONTENT[:BEGUN]).status_code == 204
    return place


def requests(sender: Sender, place: str) -> dict[str, Callable[[], TestResponse]]:
    """Each verb once, as whoever would know the address."""
    over = PIECE | {"Upload-Offset": str(BEGUN)}
    return {
        "POST": partial(sender.create, LENGTH),
        "POST with bytes": partial(sender.create, LENGTH, CONTENT),
        "HEAD": partial(sender.client.head, place, headers=TUS),
        "GET": partial(sender.client.get, place, headers={"Accept": "application/json"}),
        "PATCH": partial(sender.patch, place, BEGUN, CONTENT[BEGUN:]),
        "PATCH by POST": partial(
            sender.client.post,
            place,
            headers=over | {"X-HTTP-Method-Override": "PATCH"},
            data=CONTENT[BEGUN:],
        ),
        "DELETE": partial(sender.client.delete, place, headers=TUS),
        "DELETE by POST": partial(
            sender.client.post, place, headers=TUS | {"X-HTTP-Method-Override": "DELETE"}
        ),
    }


def assert_untouched(sender: Sender, place: str) -> None:
    """The upload stands where it stood, and its owner finishes it."""
    assert sender.offset(place) == BEGUN
    answer = sender.patch(place, BEGUN, CONTENT[BEGUN:])
    assert sender.read(answer.headers["Casevault-Document"]) == CONTENT


def statuses(sender: Sender, place: str) -> dict[str, int]:
    return {name: act().status_code for name, act in requests(sender, place).items()}


def test_nobody_who_is_not_signed_in_does_anything(app, sender, begun):
    stranger = Sender(app, sender.desk)
    stranger.client.delete_cookie("casevault")

    assert set(statuses(stranger, begun).values()) == {401}
    assert_untouched(sender, begun)


@pytest.mark.parametrize("roles", [(), (Role.SUPERVISOR,), (Role.CONTROLLER,), (Role.AUDITOR,)])
def test_another_person_knows_of_no_upload(app, sender, begun, make, roles):
    other = Sender(app, sender.desk, make.actor(None, *roles))

    found = statuses(other, begun)
    assert set(found.values()) <= {403, 404}
    assert {code for name, code in found.items() if not name.startswith("POST")} == {404}
    assert_untouched(sender, begun)


def test_a_member_knows_of_no_upload_of_a_colleague(app, sender, begun, desk):
    member = Sender(app, desk, desk.add_colleague())

    found = statuses(member, begun)
    assert found.pop("POST") == found.pop("POST with bytes") == 201
    assert set(found.values()) == {404}
    assert_untouched(sender, begun)


def test_a_member_who_may_only_read_begins_nothing(app, sender, begun, desk, trail):
    reviewer = Sender(app, desk, desk.add_colleague(Role.REVIEWER))

    found = statuses(reviewer, begun)
    assert found.pop("POST") == found.pop("POST with bytes") == 403
    assert set(found.values()) == {404}
    assert trail().count("upload.begun") == 1


def test_a_member_who_was_removed_can_do_nothing_with_his_own(app, desk):
    colleague = desk.add_colleague()
    sender = Sender(app, desk, colleague)
    place = sender.begun(LENGTH)
    assert sender.patch(place, 0, CONTENT[:BEGUN]).status_code == 204
    with desk.runtime.transaction(desk.actor) as tx:
        remove_member(tx, desk.bundle_id, colleague.id)

    found = statuses(sender, place)

    assert set(found.values()) <= {403, 404}, found
    assert upload_at(desk, place).offset == BEGUN
    assert upload_at(desk, place).dropped_at is None


def test_a_session_that_ended_does_nothing_and_loses_nothing(app, sender, begun, desk):
    with desk.runtime.transaction(desk.actor) as tx:
        end_session(tx, desk.actor.session.id)

    assert set(statuses(sender, begun).values()) == {401}
    with desk.runtime.transaction(desk.actor) as tx:
        actor = start_session(tx, desk.actor.id, desk.make._password_keys[desk.actor.id]).actor
    assert_untouched(Sender(app, desk, actor), begun)


def test_a_locked_sign_in_does_nothing(sender, begun, desk):
    with desk.runtime.transaction(SYSTEM) as tx:
        lock_sign_in(tx, desk.actor.id)

    assert set(statuses(sender, begun).values()) == {401}
    assert upload_at(desk, begun).offset == BEGUN


def test_a_sealed_bundle_tells_how_far_and_takes_nothing_and_loses_nothing(app, new_desk):
    desk = new_desk(password="the heron sleeps at noon")
    sender = Sender(app, desk)
    place = sender.begun(LENGTH)
    sender.patch(place, 0, CONTENT[:BEGUN])
    with desk.runtime.transaction(desk.actor) as tx:
        bundle = lock_bundle(tx, desk.bundle_id)

    for _twice in range(2):
        answer = sender.patch(place, BEGUN, CONTENT[BEGUN:])
        assert answer.status_code == 423
        assert answer.json["type"] == "/problems/bundle-locked"
    assert sender.create(LENGTH).status_code == 423
    assert sender.offset(place) == BEGUN
    page = sender.client.get(place).json
    assert (page["file_name"], page["title"], page["offset"]) == (None, None, BEGUN)

    with desk.runtime.transaction(desk.actor) as tx:
        unlock_bundle(tx, desk.bundle_id, derive("the heron sleeps at noon", bundle.profile))
    assert_untouched(sender, place)


@pytest.mark.parametrize("version", [None, "", "0.2.2", "1.0.0, 1.0.0", "1.0.0-beta", "2.0.0"])
def test_another_version_of_tus_is_told_which_one_we_speak(sender, begun, version):
    spoken = {} if version is None else {"Tus-Resumable": version}
    more = {"Content-Type": PIECE["Content-Type"], "Upload-Offset": str(BEGUN)}
    answers = [
        sender.client.post("/files/", headers=spoken | {"Upload-Length": "5"}),
        sender.client.head(begun, headers=spoken | {"Accept": "application/json"}),
        sender.client.patch(begun, headers=spoken | more, data=CONTENT[BEGUN:]),
        sender.client.delete(begun, headers=spoken),
    ]
    assert [answer.status_code for answer in answers] == [412] * 4
    assert {answer.headers["Tus-Version"] for answer in answers} == {"1.0.0"}
    assert_untouched(sender, begun)


def test_anybody_may_ask_what_the_server_does(app):
    answer = app.test_client().options("/files/")
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert answer.headers["Tus-Extension"] == "creation,creation-with-upload,expiration,checksum,termination"
    assert answer.headers["Tus-Checksum-Algorithm"] == "sha256,sha1"
    assert int(answer.headers["Tus-Max-Size"]) == 5 * 1024**3


NUMBERS = ["", "-1", "+5", " ", "1e3", "0x10", "5, 5", "٣", "½", "9" * 19, "9" * 5000, "1.0", "NaN", "5\t5"]


def test_a_length_that_is_no_number_begins_nothing(sender, trail):
    for length in NUMBERS:
        assert sender.create(length.encode().decode("latin1")).status_code == 400, length
    assert "upload.begun" not in trail()


def test_an_offset_that_is_no_number_is_told(sender, begun):
    for offset in NUMBERS:
        answer = sender.patch(begun, offset.encode().decode("latin1"), CONTENT[BEGUN:])
        assert answer.status_code == 400, offset
    assert_untouched(sender, begun)


@pytest.mark.parametrize("offset", [0, BEGUN - 1, BEGUN + 1, CHUNK, LENGTH, LENGTH + 1, 10**18 - 1])
def test_an_offset_that_does_not_fit_is_told_the_right_one(sender, begun, offset):
    answer = sender.patch(begun, offset, CONTENT[:10])
    assert answer.status_code == 409
    assert answer.headers["Upload-Offset"] == str(BEGUN)
    assert_untouched(sender, begun)


def test_headers_that_come_twice_or_not_at_all_are_told(sender, begun):
    for headers in (
        [*PIECE.items(), ("Upload-Offset", str(BEGUN)), ("Upload-Offset", "0")],
        [*PIECE.items()],
    ):
        assert sender.client.patch(begun, headers=headers, data=b"x").status_code == 400
    twice = [*TUS.items(), ("Upload-Length", "5"), ("Upload-Length", "6")]
    assert sender.client.post("/files/", headers=twice).status_code == 400
    assert sender.client.post("/files/", headers=TUS).status_code == 400
    later = TUS | {"Upload-Defer-Length": "1"}
    assert sender.client.post("/files/", headers=later).status_code == 400
    assert_untouched(sender, begun)


@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/octet-stream", "multipart/form-data"])
def test_a_piece_of_another_content_type_is_not_taken(sender, begun, kind):
    headers = TUS | {"Upload-Offset": str(BEGUN)} | ({} if kind is None else {"Content-Type": kind})
    assert sender.client.patch(begun, headers=headers, data=CONTENT[BEGUN:]).status_code == 415
    assert_untouched(sender, begun)


@pytest.mark.parametrize("more", [1, 1000, CHUNK, 9_000_000])
def test_a_body_longer_than_the_file_is_refused_and_nothing_of_it_counts(sender, begun, more):
    assert sender.patch(begun, BEGUN, CONTENT[BEGUN:] + bytes(more)).status_code == 413
    assert_untouched(sender, begun)


@pytest.mark.parametrize("more", [1, 1000, 9_000_000])
def test_a_creation_with_more_bytes_than_the_file_stores_none(sender, more):
    answer = sender.create(LENGTH, CONTENT + bytes(more))
    assert answer.status_code == 413
    (item,) = sender.client.get("/files/").json["items"]
    assert item["offset"] == 0


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_piece_is_taken_when_it_is_what_its_checksum_says(sender, begun, algorithm):
    rest = CONTENT[BEGUN:]
    wrong = sender.patch(begun, BEGUN, rest, Upload_Checksum=checksum(rest + b"x", algorithm))
    assert wrong.status_code == 460
    assert sender.offset(begun) == BEGUN
    right = sender.patch(begun, BEGUN, rest, Upload_Checksum=checksum(rest, algorithm))
    assert right.status_code == 204
    assert sender.read(right.headers["Casevault-Document"]) == CONTENT


@pytest.mark.parametrize(
    "said", ["md5 " + base64.b64encode(bytes(16)).decode(), "", "sha1", "sha256 ???", "sha1  ", "SHA256 AAAA"]
)
def test_a_checksum_that_nobody_can_check_is_refused(sender, begun, said):
    answer = sender.patch(begun, BEGUN, CONTENT[BEGUN:], Upload_Checksum=said)
    assert answer.status_code in (400, 460)
    assert_untouched(sender, begun)


@pytest.mark.parametrize("length", [0, 4 * 1024 * 1024, 4 * 1024 * 1024 + 1])
def test_a_checked_piece_has_at_most_four_mebibytes(sender, length):
    content = text_of(6 * 1024 * 1024)
    place = sender.begun(len(content))
    piece = content[:length]
    answer = sender.patch(place, 0, piece, Upload_Checksum=checksum(piece))
    assert answer.status_code == (204 if length <= tus.MOST_CHECKED else 413)
    assert sender.offset(place) == (length if length <= tus.MOST_CHECKED else 0)


def test_the_ninth_checked_piece_waits_its_turn(sender, begun):
    rest = CONTENT[BEGUN:]
    for _each in range(8):
        assert tus.CHECKED_AT_ONCE.acquire(blocking=False)
    try:
        answer = sender.patch(begun, BEGUN, rest, Upload_Checksum=checksum(rest))
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) >= 1
    finally:
        for _each in range(8):
            tus.CHECKED_AT_ONCE.release()
    assert_untouched(sender, begun)


def test_an_empty_file_is_no_file(sender, trail):
    assert sender.create(0).status_code == 400
    assert "upload.begun" not in trail()


def test_a_piece_without_bytes_changes_nothing(sender, begun):
    answer = sender.patch(begun, BEGUN, b"")
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(BEGUN))
    assert_untouched(sender, begun)


HOSTILE_METADATA = (
        b"filename", b"filename ====", b"filename YQ==,filename Yg==", b"bundle \xff\xfe", b",,,", b" , ,", b"\x7f",
        b"filename " + base64.b64encode(b"\xff\xfe.txt"), b"filename " + base64.b64encode(b"a\0b.txt"),
        b"filename " + base64.b64encode(b"x" * 2000), b"bundle " + base64.b64encode(b"' OR 1=1 --"),
        b"document " + base64.b64encode(b"../../etc/passwd"), b"a" * 9000, b"sha256 " + base64.b64encode(b"zz"),
        b"individuals " + base64.b64encode(b"," * 5000),
)  # fmt: skip


def test_metadata_of_any_bytes_gets_a_clear_answer(sender, trail):
    for said in HOSTILE_METADATA:
        headers = TUS | {"Upload-Length": "5", "Upload-Metadata": said.decode("latin1")}
        answer = sender.client.post("/files/", headers=headers)
        assert answer.status_code == 400, said
        assert answer.json["detail"]
    assert "upload.begun" not in trail()


@pytest.mark.parametrize(
    "name", ["../../a.txt", "a\r\nb.txt", "..\\a.txt", "\u202etxt.exe.txt", "<b>.txt", "ä" * 300]
)
def test_a_hostile_name_is_only_a_name(sender, name):
    answer = sender.create(5, b"hello", filename=name)
    if answer.status_code == 201:
        document = answer.headers["Casevault-Document"]
        assert sender.read(document) == b"hello"
        shown = sender.client.get(f"/documents/{document}/content").headers["Content-Disposition"]
        assert not set("\r\n/\\") & set(shown)
    else:
        assert answer.status_code in (400, 415)


@pytest.mark.parametrize("name", ["run.exe", "page.html", "noending", "form.txt.exe"])
def test_a_name_that_promises_nothing_acceptable_begins_nothing(sender, trail, name):
    assert sender.create(5, filename=name).status_code == 415
    assert "upload.begun" not in trail()


def test_who_can_only_post_says_what_is_meant(sender, begun):
    headers = PIECE | {"Upload-Offset": str(BEGUN), "X-HTTP-Method-Override": "PATCH"}
    answer = sender.client.post(begun, headers=headers, data=CONTENT[BEGUN:])
    assert answer.status_code == 204
    assert sender.read(answer.headers["Casevault-Document"]) == CONTENT
    for other in ("GET", "PUT", "patch ", ""):
        assert sender.client.post(begun, headers=TUS | {"X-HTTP-Method-Override": other}).status_code == 404


@pytest.mark.parametrize("at", ["first", "later", "with the creation"])
def test_what_is_not_what_its_name_says_leaves_nothing(sender, desk, watched, trail, at):
    content = b"\x7fELF" + bytes(range(256)) * 2000
    if at == "with the creation":
        answer = sender.create(len(content), content, filename="scan.pdf")
    else:
        place = sender.begun(len(content), filename="scan.pdf")
        if at == "later":
            assert sender.patch(place, 0, content[:9]).status_code == 204
        answer = sender.patch(place, sender.offset(place), content[sender.offset(place) :])
    assert answer.status_code == 415
    assert list(watched.partial_names()) == []
    assert not watched.seen
    assert trail()[-1] == "upload.dropped"
    assert_tidy(desk)
    if at != "with the creation":
        assert sender.client.head(place, headers=TUS).status_code == 410
        assert sender.client.get(place).json["reason"] == "wrong-type"


def test_a_file_that_changed_while_it_was_sent_is_refused(sender, desk, watched):
    place = sender.begun(LENGTH, sha256=hashlib.sha256(CONTENT).hexdigest())
    changed = CONTENT[:-1] + b"!"
    assert sender.patch(place, 0, changed).status_code == 409
    assert sender.client.get(place).json["reason"] == "conflict"
    assert sender.client.head(place, headers=TUS).status_code == 410
    assert_tidy(desk)
    assert list(watched.names("versions/")) == list(watched.partial_names()) == []


def test_a_file_is_stored_when_it_is_what_was_announced(sender):
    digest = hashlib.sha256(CONTENT).hexdigest()
    answer = sender.create(LENGTH, CONTENT, sha256=digest, fingerprint="ab" * 32)
    assert answer.headers["Casevault-State"] == "stored"
    page = sender.client.get(answer.headers["Location"]).json
    assert (page["state"], page["version"], page["fingerprint"]) == ("stored", 1, "ab" * 32)


def test_a_further_version_goes_to_its_document(sender):
    first = sender.create(5, b"hello").headers["Casevault-Document"]
    answer = sender.create(LENGTH, CONTENT, bundle="", document_type="", document=first)
    assert answer.headers["Casevault-Document"] == first
    assert sender.read(first) == CONTENT
    assert sender.client.get(answer.headers["Location"]).json["version"] == 2


def test_a_document_that_is_withdrawn_meanwhile_takes_no_version(sender, desk, watched):
    first = sender.create(5, b"hello").headers["Casevault-Document"]
    place = sender.begun(LENGTH, bundle="", document_type="", document=first)
    sender.patch(place, 0, CONTENT[:BEGUN])
    with desk.runtime.transaction(desk.actor) as tx:
        withdraw_document(tx, UUID(first), "a mistake, it belongs to somebody else")

    assert sender.patch(place, BEGUN, CONTENT[BEGUN:]).status_code == 409
    assert sender.client.get(place).json["state"] == "refused"
    work_off(desk)
    assert list(watched.partial_names()) == []


def test_the_same_content_is_stored_and_said_to_be_known(sender):
    first = sender.create(LENGTH, CONTENT).headers["Casevault-Document"]
    again = sender.create(LENGTH, CONTENT)
    assert again.headers["Casevault-Same-As"] == first
    assert again.headers["Casevault-Document"] != first


def test_the_individuals_of_a_case_are_named_by_number(sender, desk):
    assert sender.create(5, b"hello", individuals=INDIVIDUAL).status_code == 201
    assert sender.create(5, b"hello", individuals="815-99999999").status_code == 400
