"""What goes in comes out, byte for byte; and what the store holds is not it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests.factory import Factory, new_runtime
from tests.transfers.conftest import INDIVIDUAL, NUMBER, Desk, sound_of, text_of
from vault.bundles.models import Bundle
from vault.bundles.opening import open_bundle
from vault.bundles.service import create_bundle
from vault.cases.service import create_case
from vault.crypto.payload import object_length, read_range
from vault.errors import Invalid, NotFound, Refused, StorageFull, TooLarge, WrongType
from vault.store.memory import MemoryStore
from vault.transfers.models import Upload
from vault.transfers.reading import open_content
from vault.transfers.receiving import receive_file
from vault.transfers.uploads import Wanted


def content_back(desk: Desk, document_id, number=None) -> bytes:
    with desk.runtime.transaction(desk.actor) as tx:
        found, _ = open_content(tx, document_id, number)
    key, store = found.file_key.reveal(), desk.runtime.store
    read = lambda start, end: store.read(found.object_name, start, end)  # noqa: E731
    return b"".join(read_range(found.head, key, found.length, 0, found.length - 1, read))


def test_a_file_comes_back_byte_for_byte(desk):
    for length in (1, 2, 65535, 65536, 65537, 131072, 3_000_001):
        content = text_of(length)

        version = desk.store(content).version

        assert content_back(desk, version.document_id) == content
        assert version.length == length
        assert version.object_length == object_length(length) == desk.runtime.store.size(version.object_name)


def test_the_digests_are_those_of_object_and_plaintext(desk):
    content = text_of(200_000)

    version = desk.store(content).version

    stored = desk.runtime.store.get(version.object_name)
    assert hashlib.sha256(stored).digest() == version.object_digest
    assert stored[:126] == version.head
    assert content[:64] not in stored
    with desk.runtime.transaction(desk.actor) as tx:
        opened = open_bundle(tx, tx.session.get_one(Bundle, desk.bundle_id))
        assert opened.digest_of(version) == hashlib.sha256(content).hexdigest()
        assert opened.file_name_of(version) == "form.txt"


def test_an_empty_file_is_refused(desk, trail):
    with pytest.raises(Invalid, match="it is empty"):
        desk.store(b"")

    assert "upload.begun" not in trail()


def test_a_deposit_stands_in_the_log(desk, trail):
    desk.store(text_of(10))

    assert trail()[-2:] == ["upload.begun", "document.deposited"]


def test_a_title_is_the_file_name_unless_one_is_given(desk):
    plain, named = desk.store(text_of(10)).version, desk.store(text_of(11), title="Form, page 1").version

    with desk.runtime.transaction(desk.actor) as tx:
        found, opened = open_content(tx, plain.document_id)
        assert opened.title_of(found.document) == "form.txt"
        found, opened = open_content(tx, named.document_id)
        assert opened.title_of(found.document) == "Form, page 1"


def test_a_recording_names_an_individual_of_the_case(desk):
    with pytest.raises(Invalid, match="at least one individual"):
        desk.store(sound_of(5000), "talk.wav", "interview_audio")
    with pytest.raises(Invalid, match="individuals of this case"):
        desk.store(sound_of(5000), "talk.wav", "interview_audio", individuals=("815-99999999",))

    stored = desk.store(
        sound_of(5000), "talk.wav", "interview_audio", individuals=(INDIVIDUAL.replace("-", ""),)
    )

    assert stored.version.media_type == "audio/wav"


@pytest.mark.parametrize(
    ("content", "name", "type_code"),
    [
        (sound_of(5000), "talk.wav", "rrf"),
        (sound_of(5000), "talk.wav", "working_copy"),
        (text_of(10), "form.txt", "interview_audio"),
    ],
)
def test_type_and_content_agree(desk, content, name, type_code):
    with pytest.raises(WrongType, match="Choose another type"):
        desk.store(content, name, type_code, individuals=(INDIVIDUAL,))


def test_video_is_refused_until_it_is_approved(desk):
    with pytest.raises(Invalid, match="not in use here"):
        desk.store(text_of(10), "form.txt", "interview_video", individuals=(INDIVIDUAL,))


MARKUP = [b"<!doctype html><html><script>1</script>", b'<svg xmlns="http://www.w3.org/2000/svg"/>']


def test_html_and_svg_are_refused_under_every_name(desk, trail):
    for content in MARKUP:
        for name in ("page.html", "picture.svg", "form.pdf", "photo.png", "form.txt"):
            with pytest.raises(WrongType):
                desk.store(content, name)

    assert "upload.begun" not in trail()


def test_a_file_over_the_limit_leaves_nothing(new_runtime_desk):
    desk = new_runtime_desk(form_limit=100_000)

    with pytest.raises(TooLarge, match=r"form\.txt was not stored"):
        desk.store(text_of(100_001))

    assert_nothing_left(desk)
    assert desk.store(text_of(100_000)).version.number == 1


def test_a_full_store_leaves_nothing(desk, trail):
    desk.runtime.store = MemoryStore(capacity=150_000)

    with pytest.raises(StorageFull, match="was not stored"):
        desk.store(text_of(2_000_000))

    assert_nothing_left(desk)
    assert trail()[-2:] == ["upload.begun", "upload.dropped"]


def test_a_reader_that_breaks_off_leaves_nothing(desk):
    def transact():
        return desk.runtime.transaction(desk.actor)

    def torn():
        yield text_of(70_000)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        receive_file(transact, desk.runtime.store, desk.bundle_id, Wanted("a.txt", "rrf"), torn())

    assert_nothing_left(desk)


def test_a_further_version_belongs_to_the_same_document(desk, trail):
    first = desk.store(text_of(1000)).version

    second = desk.store(text_of(2000), "form two.txt", "", document_id=first.document_id).version

    assert (second.number, second.document_id) == (2, first.document_id)
    assert content_back(desk, first.document_id) == text_of(2000)
    assert content_back(desk, first.document_id, 1) == text_of(1000)
    assert trail()[-1] == "document.version_added"
    with pytest.raises(NotFound):
        content_back(desk, first.document_id, 3)


def test_the_same_content_is_pointed_out(desk):
    first = desk.store(text_of(1000))

    second = desk.store(text_of(1000), "again.txt")

    assert first.same_as is None
    assert second.same_as.id == first.version.id


def test_a_stranger_stores_nothing_and_sees_nothing(desk, make):
    version = desk.store(text_of(1000)).version
    desk.actor = make.actor()

    with pytest.raises(Refused):
        desk.store(text_of(10))
    with pytest.raises(NotFound):
        content_back(desk, version.document_id)


def assert_nothing_left(desk: Desk) -> None:
    store = desk.runtime.store
    assert not list(store.names("versions/"))
    assert not list(store.partial_names())
    with desk.runtime.session() as session:
        for upload in session.query(Upload):
            assert upload.dropped_at
            assert not desk.runtime.keystore.is_live(upload.slot_id)


@pytest.fixture
def new_runtime_desk(tmp_path, clock) -> Callable[..., Desk]:
    with ExitStack() as stack:

        def build(**settings: object) -> Desk:
            folder = tmp_path / "another"
            folder.mkdir()
            runtime = stack.enter_context(new_runtime(folder, clock, **settings))
            make = Factory(runtime, clock)
            assert make.home
            actor = make.actor()
            with runtime.transaction(actor) as tx:
                opened = create_bundle(tx, create_case(tx, NUMBER), "Main file", "confidential")
            return Desk(runtime, make, actor, opened.bundle.id)

        yield build
