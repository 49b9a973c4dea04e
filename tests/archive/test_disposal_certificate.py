"""The text of a certificate of disposal: the facts that are given, in these words and no others."""

from __future__ import annotations

import runpy
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import vault.archive
from tests.browsing import Browser
from tests.places import TESTS
from vault.access.actor import SYSTEM, Role
from vault.archive.canonical import canonical, read_canonical
from vault.archive.certificates import Act, certificate_file, issue_certificate
from vault.archive.disposal_certificate import (
    Authority,
    DisposalFacts,
    DisposedDocument,
    DisposedFile,
    FoundCopy,
    Signature,
    disposal_values,
)
from vault.archive.finality import slots_of
from vault.archive.removal_models import DISPOSAL

VECTOR = TESTS / "vectors" / "disposal_certificate.json"
TOOL = Path(vault.archive.__file__).parent / "documentation" / "verify_certificate.py"
BEGAN = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)


def an(number: int) -> UUID:
    return UUID(int=number)


def facts() -> DisposalFacts:
    """Of a recording and a working copy of one case: one package goes, one is locked, one holds other files, too."""
    file = DisposedFile(
        an(21),
        "ab/cd",
        b"\x01" * 32,
        5000,
        an(31),
        BEGAN - timedelta(days=900),
        BEGAN,
        BEGAN + timedelta(minutes=1),
    )
    lost = DisposedFile(
        an(22),
        "ef/gh",
        b"\x02" * 32,
        126,
        None,
        BEGAN - timedelta(days=9),
        None,
        BEGAN + timedelta(minutes=2),
    )
    recording = DisposedDocument(
        *(1, an(41), an(4), "interview_audio", "recording", 2, "RAS 7.1", BEGAN - timedelta(days=3), an(51)),
        files=[file],
    )
    copy = DisposedDocument(*(2, an(42), an(4), "working_copy", None, None, None, None, None), files=[lost])
    digest, minute = b"\x03" * 32, BEGAN + timedelta(minutes=3)
    packages = [
        FoundCopy("package", "archive", "packages/a.tar", "v1", digest, 9000, BEGAN, minute),
        FoundCopy(
            "package",
            "copy",
            "packages/a.tar",
            "v2",
            digest,
            9000,
            BEGAN,
            None,
            "locked",
            BEGAN + timedelta(365),
        ),
        FoundCopy("package", "archive", "packages/b.tar", None, digest, 7000, BEGAN, None, "shared"),
        FoundCopy("link", "database", str(an(61)), None, None, None, BEGAN, minute),
    ]
    signed = [
        Signature(an(71), 1, "Registry", "archivist", BEGAN - timedelta(days=5)),
        Signature(an(72), 2, "Protection", "controller", BEGAN - timedelta(days=4)),
    ]
    return DisposalFacts(
        organisation="An office",
        office_id=an(3),
        case_id=an(4),
        case_number="815-26-00412",
        disposal_id=an(5),
        list_digest=b"\x04" * 32,
        authority=Authority("RAS/2031/17", date(2031, 4, 1)),
        documents=[recording, copy],
        copies=packages,
        signatures=signed,
        proposed_at=BEGAN - timedelta(days=5),
        cooled_until=BEGAN - timedelta(days=1),
        begun_at=BEGAN,
        erased_at=BEGAN + timedelta(minutes=4),
        tool_version="1.0",
        backups={"keystore_backups": [], "keystore_backups_until": "2031-06-05", "master_versions": [1]},
    )


def test_the_text_is_this_one():
    values = disposal_values(facts())
    assert canonical(values) == VECTOR.read_bytes()
    assert values == read_canonical(VECTOR.read_bytes())
    assert slots_of(values) == [an(31)]
    assert [each["locked_until"] for each in values["remaining"]] == ["2032-05-05T07:08:09Z", None]


def test_it_is_signed_shown_and_checked_like_any_other(make, runtime, app):
    archivist = make.actor(make.person(Role.ARCHIVIST))
    act = Act(DISPOSAL, an(5), None, archivist.office_id, disposal_values(facts()))
    with runtime.transaction(SYSTEM) as tx:
        row = issue_certificate(tx, act)
    with runtime.session() as session:
        file = certificate_file(session, row)
    tool = runpy.run_path(str(TOOL))
    said, key = tool["checked"](file)
    lines = "\n".join(tool["facts"](said, key))
    assert "the keys of these files were destroyed" in lines
    assert "Remains: packages/a.tar: its store keeps it until that day" in lines
    page = Browser(app, archivist).get(f"/certificates/{row.id}").text
    for words in (
        "disposal-000001",
        "The keys of 2 files were destroyed",
        "RAS/2031/17",
        "packages/b.tar",
        "Protection",
    ):
        assert words in page
