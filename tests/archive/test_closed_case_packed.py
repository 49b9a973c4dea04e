"""What a closing leaves is all that a package needs: rows and stored objects make it, and an archive identity opens it."""

from __future__ import annotations

import hashlib
import io
import tarfile
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import select

from tests.archive.packages import packed, pieces
from tests.closings import Closings
from tests.factory import PDF
from tests.recordings import wav
from vault.archive.index import read_index
from vault.archive.models import ArchiveHeader, ArchiveIndex, Closure
from vault.archive.package import CONTENT, INDEX, DisposalClass, Package, PackedFile
from vault.archive.verifying import verify_package
from vault.bundles.document_types import DOCUMENT_TYPES
from vault.bundles.models import Document, Version
from vault.cases.models import Case
from vault.crypto.agefile import decrypt_file
from vault.crypto.identity import hybrid_identity
from vault.errors import VaultError

ID = UUID("3fa90000-0000-4000-8000-000000000002")
PACKED = datetime(2026, 12, 1, tzinfo=UTC)
CONTENTS = {"form.pdf": PDF, "later.pdf": PDF + b"%\n", "talk.wav": wav(1), "copy.pdf": PDF + b"%%\n"}


@pytest.fixture
def office(make):
    return Closings(make)


@pytest.fixture
def closure(office):
    """Of a case with two permanent records, a recording and a working copy."""
    case, (bundle,) = office.case()
    types = dict(zip(CONTENTS, ("rrf", "consent", "interview_audio", "working_copy"), strict=True))
    for name, content in CONTENTS.items():
        office.make.document(office.owner, bundle, content, file_name=name, document_type=types[name])
    return office.close(case)


def package_of(session, store, closure: Closure, disposal: str) -> Package:
    """Made of rows and of the stored index alone."""
    case = session.get_one(Case, closure.case_id)
    index = session.scalars(select(ArchiveIndex).filter_by(closure_id=closure.id, disposal=disposal)).one()
    minted = session.scalars(select(ArchiveHeader).filter_by(closure_id=closure.id))
    headers = {each.version_id: each.header for each in minted}
    query = select(Version, Document.document_type).join(Document, Document.id == Version.document_id)
    files = [
        PackedFile(
            id=version.id,
            header=headers.get(version.id),
            object_name=version.object_name,
            object_length=version.object_length,
            object_digest=version.object_digest,
            media_type=version.media_type,
            deposited_at=version.deposited_at,
        )
        for version, code in session.execute(query.where(Version.case_id == case.id))
        if DOCUMENT_TYPES[code].disposal == disposal
    ]
    assert len(files) == index.files
    return Package(
        id=ID,
        version=closure.number,
        case_number=case.number,
        disposal=DisposalClass(disposal),
        organisation="Nairobi",
        closed_on=closure.closed_on,
        packaged_at=PACKED,
        agent=("Casevault", "0.1.0"),
        index=store.get(index.object_name),
        files=files,
    )


def test_a_closed_case_is_packed_without_a_key_and_opened_with_one_identity(office, closure, runtime):
    seen = {}
    for disposal in ("permanent", "recording", "temporary"):
        with runtime.session() as session:
            package = package_of(session, runtime.store, closure, disposal)
        tar, written = packed(package, runtime.store)
        assert verify_package(pieces(tar)).is_whole
        with tarfile.open(fileobj=io.BytesIO(tar)) as files:
            held = {name: files.extractfile(f"{written.name}/{name}").read() for name in _names(package)}
        identity = hybrid_identity(office.seeds[0])
        index = read_index(decrypt_file([identity], held.pop(INDEX)))
        for entry in index.entries:
            file = held.pop(f"{CONTENT}/{entry.id}.age")
            seen[entry.file_name] = disposal
            if disposal != "permanent":
                with pytest.raises(VaultError):
                    decrypt_file([identity], file)
                continue
            content = decrypt_file([identity], file)
            assert content == CONTENTS[entry.file_name]
            assert hashlib.sha256(content).hexdigest() == entry.sha256
        assert not held
    kinds = ("permanent", "permanent", "recording", "temporary")
    assert seen == dict(zip(CONTENTS, kinds, strict=True))


def _names(package: Package) -> list[str]:
    return [INDEX, *(file.path for file in package.files)]
