"""Index and receipt have one spelling, and are read in no other."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from vault.archive.index import Index, IndexEntry, read_index, write_index
from vault.archive.package import DisposalClass
from vault.errors import Tampered

ENTRIES = [
    IndexEntry(
        id=UUID(int=number),
        document_id=UUID(int=number + 100),
        number=1,
        file_name="Entretien \u202e é\n.pdf",
        title="",
        document_type="transcript",
        media_type="application/pdf",
        length=1 << 40,
        sha256="0" * 64,
        deposited_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        withdrawn_at=datetime(2026, 1, 3, tzinfo=UTC),
        duration_ms=5,
        language="fr",
        individuals=("881-00004711", "881-00004712"),
        transcript_of=(UUID(int=7),),
    )
    for number in (2, 1)
]


def test_an_index_comes_back_as_it_was_in_the_order_of_ids():
    content = write_index(Index("881-24C00417", DisposalClass.PERMANENT, ENTRIES))
    assert read_index(content) == Index("881-24C00417", DisposalClass.PERMANENT, ENTRIES[::-1])
    assert write_index(read_index(content)) == content


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"number":1', b'"number": 1'),
        (b'"number":1', b'"number":1,"number":1'),
        (b'"number":1,', b""),
        (b'"number":1', b'"more":1,"number":1'),
        (b"2026-01-02T03:04:05Z", b"2026-01-02T03:04:05+00:00"),
        (b"casevault-index/1", b"casevault-index/2"),
        (b'"permanent"', b'"other"'),
        (b"\xc3\xa9", b"\\u00e9"),
        (b"}\n", b"}"),
        (b"{", b"["),
        (b'"entries":[', b'"entries":[null,'),
    ],
)
def test_an_index_in_another_spelling_is_refused(old, new):
    content = write_index(Index("881-24C00417", DisposalClass.PERMANENT, ENTRIES))
    assert old in content
    with pytest.raises(Tampered):
        read_index(content.replace(old, new, 1))
