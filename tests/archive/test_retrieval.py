"""Files of an archived case come back: asked by one, approved by another, opened by a holder, copied by a worker."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.browsing import Browser
from tests.factory import PDF
from tests.retrievals import TOOL, Retrievals
from vault.archive import retrieval_views, returning
from vault.archive.bringing_back import bring_back
from vault.archive.ordering import order_files
from vault.archive.retrieval import approve_retrieval, drop_retrieval, propose_retrieval
from vault.archive.retrieval_models import RetrievedFile
from vault.archive.rewrapping import resume_retrieval
from vault.archive.verifying import verify_package
from vault.bundles.models import Document
from vault.crypto.header import age_header
from vault.crypto.identity import age_identity, age_recipient, new_seed, public_key
from vault.drops.rekeying import rekey_with_requests
from vault.errors import Archived, Conflict, Invalid, NotFound, Refused
from vault.jobs import LeaseLost
from vault.stores import archive_of
from vault.transfers.reading import open_content

BIG = PDF + bytes(range(256)) * 600
"""Three chunks."""


@pytest.fixture
def office(make):
    return Retrievals(make)


def test_archived_erased_and_retrieved_files_are_equal_to_the_byte(office, tmp_path, trail):
    closure = office.archived({"form.pdf": PDF, "long.pdf": BIG})
    office.erase(closure)
    with pytest.raises(Archived), office.runtime.transaction(office.owner) as tx:
        document = tx.session.scalars(select(Document).filter_by(case_id=closure.case_id)).first()
        open_content(tx, document.id)
    retrieval, order = office.ordered(closure)
    before = objects(office.runtime)
    office.bring(retrieval, office.answer(order, tmp_path / "safe"))
    assert objects(office.runtime) == before
    assert office.work() == 1
    assert office.stands(retrieval).copied_at
    assert office.stands(retrieval).returned_at is None

    assert office.waiting_files(retrieval) == 2
    office.open(office.bundle_of(closure))

    assert office.waiting_files(retrieval) == 0
    assert [(name, kind, content) for _, name, kind, content in office.returned(retrieval)] == [
        ("form.pdf", "retrieved_copy", PDF),
        ("long.pdf", "retrieved_copy", BIG),
    ]
    with office.runtime.session() as session:
        files = session.scalars(select(RetrievedFile)).all()
        assert {file.due_at - file.returned_at for file in files} == {timedelta(days=30)}
        assert not any(file.sealed_key or file.file_lock for file in files)
    assert office.state(closure) == "archived"
    told = [event for event in trail() if event.startswith("retrieval.")]
    assert told == [f"retrieval.{name}" for name in EVENTS]


EVENTS = ("asked", "approved", "ordered", "order_taken", "rewrapped", "copied", "returned")


def objects(runtime) -> list[str]:
    return sorted(name for name in runtime.store.names("versions/"))


def test_in_a_session_the_identity_is_used_once_and_only_what_was_chosen_comes_back(office):
    closure = office.archived({"form.pdf": PDF, "long.pdf": BIG})
    (chosen,) = [version.id for version in office.versions(closure) if version.length == len(BIG)]
    retrieval, _ = office.ordered(closure, [chosen])
    for wrong in (
        age_identity(new_seed()),
        "AGE-SECRET-KEY-1QQ",
        age_identity(office.seeds[0])[:-1] + "Q",
        "",
    ):
        with pytest.raises(Invalid):
            office.rewrap(retrieval, wrong)
    assert office.stands(retrieval).rewrapped_at is None

    office.rewrap(retrieval, age_identity(office.seeds[0]))
    office.work()
    office.open(office.bundle_of(closure))

    assert [content for *_, content in office.returned(retrieval)] == [BIG]
    with pytest.raises(Conflict, match="answered already"):
        office.rewrap(retrieval, age_identity(office.seeds[0]))


def test_who_asks_does_not_approve_and_nothing_else_is_added_to_the_case(office, make):
    closure = office.archived({"form.pdf": PDF})
    bundle = office.bundle_of(closure)
    retrieval = office.ask(closure, by=office.controller)
    with pytest.raises(Refused, match="Somebody else"):
        office.allow(retrieval, by=office.controller)
    with pytest.raises(Conflict, match="second person"), office.runtime.transaction(office.owner) as tx:
        order_files(tx, retrieval.id, bundle.id)
    with pytest.raises(Conflict, match="on their way"):
        office.ask(closure)
    make.clock.move(hours=73)
    with pytest.raises(Conflict, match="lapsed"):
        office.allow(retrieval, by=office.second)
    retrieval = office.ask(closure)
    with pytest.raises(Conflict, match="that you read"), office.runtime.transaction(office.controller) as tx:
        approve_retrieval(tx, retrieval.id, "0" * 64)
    with office.runtime.transaction(office.archivist) as tx:
        drop_retrieval(tx, retrieval.id)
    with pytest.raises(Conflict, match="closed"):
        make.document(office.owner, bundle, document_type="retrieved_copy")
    with pytest.raises(Invalid), office.runtime.transaction(office.owner) as tx:
        propose_retrieval(tx, closure.case_id, "Why not", [retrieval.id])
    stranger = Retrievals(make, office=make.office())
    for act in (drop_retrieval, lambda tx, each: propose_retrieval(tx, closure.case_id, "Mine")):
        with pytest.raises(NotFound), office.runtime.transaction(stranger.controller) as tx:
            act(tx, retrieval.id)


def test_a_hostile_answer_is_refused_and_changes_nothing(office, tmp_path, trail):
    closure = office.archived({"form.pdf": PDF, "long.pdf": BIG})
    retrieval, order = office.ordered(closure)
    good = json.loads(office.answer(order, tmp_path / "safe"))
    key, slots = json.loads(order)["recipient"], slots_of(office)
    first, second = good["files"]
    x25519 = "-> X25519 " + "A" * 43 + "\n" + "A" * 43 + "\n"
    two = age_header(bytes(16), [key, key]).decode()
    other = age_header(bytes(16), [age_recipient(public_key(new_seed()))]).decode()
    line = first["header"].splitlines()[1]
    bad = {
        "another order": good | {"order": "0" * 64},
        "a file less": good | {"files": [first]},
        "a file twice": good | {"files": [first, first]},
        "the other file's header": with_header(good, second["header"]),
        "a key of nothing": with_header(good, age_header(bytes(16), [key]).decode()),
        "another recipient": with_header(good, other),
        "two recipients": with_header(good, two),
        "X25519": with_header(
            good, first["header"].replace(line, line + "\nx").split("-> ")[0] + x25519 + "--- " + "A" * 43
        ),
        "more behind it": with_header(good, first["header"] + "x"),
        "over 16 KiB": with_header(good, first["header"].replace("\n", " " + "x" * 17_000 + "\n", 1)),
        "another index": good | {"index": first["header"]},
        "no text": with_header(good, 5),
        "another format": good | {"format": "casevault-answer/2"},
        "more": good | {"more": 1},
    }
    for place in (30, 1000, -60, -10):
        bad[f"flipped at {place}"] = with_header(good, flipped(first["header"], place))
    for name, answer in bad.items():
        with pytest.raises(Invalid):
            office.bring(retrieval, json.dumps(answer).encode())
            raise AssertionError(name)
    for content in (b"", b"[]", b"[" * 100_000, b'{"order": 1}', b"\xff"):
        with pytest.raises(Invalid):
            office.bring(retrieval, content)
    assert office.stands(retrieval).rewrapped_at is None
    assert slots_of(office) == slots
    assert trail().count("retrieval.refused") == len(bad) + 5
    with pytest.raises(Refused):
        office.bring(retrieval, json.dumps(good).encode(), by=office.second)
    office.bring(retrieval, json.dumps(good).encode())


def with_header(answer, header):
    first, *others = answer["files"]
    return answer | {"files": [first | {"header": header}, *others]}


def flipped(header: str, place: int) -> str:
    letter = "B" if header[place] != "B" else "C"
    return header[:place] + letter + header[place:][1:]


def slots_of(office) -> int:
    return sum(1 for _ in office.runtime.keystore.live_slots())


def test_a_package_that_changed_stops_the_copying_and_a_killed_worker_goes_on(office, tmp_path):
    closure = office.archived({"form.pdf": PDF, "long.pdf": BIG})
    retrieval, order = office.ordered(closure)
    office.bring(retrieval, office.answer(order, tmp_path / "safe"))
    path = next(office.runtime.settings.data.glob("archive/objects/**/*.tar"))
    content = path.read_bytes()
    place = content.index(office.versions(closure)[1].head[110:])
    path.chmod(0o600)
    path.write_bytes(content[: place + 40] + bytes([content[place + 40] ^ 1]) + content[place + 41 :])
    office.work()
    stopped = office.stands(retrieval)
    assert (stopped.error_code, stopped.copied_at) == ("not-whole", None)
    assert not list(office.runtime.store.partial_names())
    path.write_bytes(content)
    with office.runtime.transaction(office.archivist) as tx:
        resume_retrieval(tx, retrieval.id)
    before = len(objects(office.runtime))
    slow, quick = office.claimed(), office.claimed()
    with pytest.raises(LeaseLost):
        bring_back(office.runtime, slow)
    assert len(objects(office.runtime)) == before + 1
    bring_back(office.runtime, quick)
    assert len(objects(office.runtime)) == 4
    assert office.stands(retrieval).copied_at
    assert office.stands(retrieval).error_code is None
    with office.runtime.session() as session:
        lost = session.scalars(select(RetrievedFile)).first()
    office.runtime.store.delete(lost.object_name)
    office.open(office.bundle_of(closure))
    assert len(office.returned(retrieval)) == 1
    with office.runtime.session() as session:
        assert sorted(str(file.failure) for file in session.scalars(select(RetrievedFile))) == [
            "None",
            "tampered",
        ]
    assert office.stands(retrieval).returned_at


def test_a_new_key_of_the_bundle_asks_for_a_new_order(office, tmp_path):
    closure = office.archived({"form.pdf": PDF})
    retrieval, order = office.ordered(closure)
    answer, bundle = office.answer(order, tmp_path / "safe"), office.bundle_of(closure)
    renew(office, bundle)
    with pytest.raises(Conflict, match="new key"):
        office.bring(retrieval, answer)
    answer = office.answer(office.order(retrieval, bundle), tmp_path / "again")
    office.bring(retrieval, answer)
    renew(office, bundle)
    office.work()
    office.open(bundle)
    assert office.stands(retrieval).ordered_at is None
    office.order(retrieval, bundle)
    office.rewrap(retrieval, age_identity(office.seeds[1]))
    office.work()
    office.open(bundle)
    assert [content for *_, content in office.returned(retrieval)] == [PDF]


def renew(office, bundle) -> None:
    office.make.confirmed(office.owner, lambda tx: rekey_with_requests(tx, bundle.id, "Somebody watched."))


def test_an_archived_case_whose_files_are_here_is_just_reopened(office):
    closure = office.archived({"form.pdf": PDF})
    case = office.reopen(office.case_of(closure))
    assert case.state == "active"
    assert office.waiting_for(case.id) is None


def test_a_reopened_case_gets_its_documents_back_and_the_next_package_is_version_two(
    office, tmp_path, monkeypatch
):
    monkeypatch.setattr(returning, "AT_ONCE", 1)
    closure = office.archived({"form.pdf": PDF, "long.pdf": BIG})
    (first,) = office.packages(closure)
    office.erase(closure)
    case = office.reopen(office.case_of(closure))
    retrieval = office.waiting_for(case.id)
    office.make.clock.move(seconds=1)
    bundle = office.make.bundle(office.owner, case)
    office.admit_archivist(bundle)
    with pytest.raises(Conflict, match="come back from the archive"):
        office.close(case)
    order = office.order(retrieval, bundle)
    office.bring(retrieval, office.answer(order, tmp_path / "safe"))
    office.work()
    office.open(bundle)
    assert office.waiting_files(retrieval) == 1
    office.open(bundle)
    assert [(kind, content) for *_, kind, content in office.returned(retrieval)] == [
        ("rrf", PDF),
        ("rrf", BIG),
    ]

    again = office.close(case)
    office.archive(again)
    office.work()

    (second,) = office.packages(again)
    assert (second.aip_id, first.version, second.version) == (first.aip_id, 1, 2)
    assert office.state(again) == "archived"
    report = verify_package(
        iter([archive_of(office.runtime).get(second.object_name)]), f"AIP-{first.aip_id}-v2"
    )
    assert report.is_whole
    assert len(report.files) > 10


def test_the_journey_on_pages_and_for_programs(office, app, tmp_path, monkeypatch):
    monkeypatch.setattr(retrieval_views, "LONGEST_ANSWER", 50_000)
    closure = office.archived({"form.pdf": PDF})
    case, bundle = f"/cases/{closure.case_id}", office.bundle_of(closure)
    owner, archivist, controller = (
        Browser(app, each) for each in (office.owner, office.archivist, office.controller)
    )
    assert f"{case}/retrieval" in owner.get(case).text
    assert "Registration form" in owner.get(f"{case}/retrieval").text
    assert owner.post(f"{case}/retrieval").status_code == 400
    owner.post(f"{case}/retrieval", reason="The embassy asks again.")
    page = controller.get(f"{case}/retrieval").text
    assert "The embassy asks again." in page
    seen, here = (
        re.search(r'name="seen" value="(\w+)"', page)[1],
        re.search(r'"(/retrievals/[^/]+)/', page)[1],
    )
    controller.confirm(controller.post(f"{here}/approval", seen=seen))
    assert "Open the one" in controller.get(f"{case}/retrieval").text
    assert owner.api("POST", f"{here}/order", {"bundle": str(bundle.id)}).status_code == 201
    row = owner.api("GET", f"{case}/retrieval").json["retrievals"][0]
    order = owner.get(f"{here}/order")
    assert hashlib.sha256(order.data).hexdigest() == row["order_digest"]
    assert owner.get("/archive/rewrap_headers.py").data == TOOL.read_bytes()
    assert row["words"] in owner.get(f"{case}/retrieval").text
    secret = age_identity(office.seeds[0])
    mistyped = secret[:-1] + ("Q" if secret[-1] != "Q" else "P")
    again = archivist.post(f"{here}/rewrapping", identity=mistyped)
    assert (again.status_code, secret[:-1] in again.text) == (400, False)
    assert owner.post(f"{here}/rewrapping", identity=secret).status_code == 403
    wrong = owner.files(f"{here}/answer", "answer.json", order.data)
    assert (wrong.status_code, "not an answer" in wrong.text) == (400, True)
    assert owner.files(f"{here}/answer", "answer.json", b" " * 50_001).status_code == 413
    answer = office.answer(order.data, tmp_path / "safe")
    assert owner.files(f"{here}/answer", "answer.json", answer).status_code == 303
    assert "0 of 1 files copied" in owner.get(f"{case}/retrieval").text
    office.work()
    assert archivist.api("GET", "/archive").json["closed"][0]["is_retrieving"]
    assert "Registration form" in owner.get(f"/bundles/{bundle.id}").text
    done = owner.api("GET", f"{case}/retrieval").json
    assert (done["retrievals"][0]["state"], done["may_ask"]) == ("returned", True)
    assert "copies are due" in archivist.get("/archive").text
    found = owner.api("GET", f"/bundles/{bundle.id}/documents").json["items"]
    assert sorted(each["document_type"] for each in found) == ["retrieved_copy", "rrf"]
