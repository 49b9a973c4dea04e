"""Every way into the application: its rules, with ids put into their addresses and honest bodies to send."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import UUID

from flask import Flask
from werkzeug.test import TestResponse

from tests.browsing import Browser
from tests.factory import PASSWORD as ACCOUNT_PASSWORD
from vault.crypto.identity import age_recipient, public_key
from vault.web.media import PROGRAM_PATHS

SAFE = ("GET", "HEAD")
PASSWORD = "nine slow barges pass the lock"
FUTURE = "2026-12-01T10:00:00Z"
NOBODY = "00000000-0000-0000-0000-000000000000"

BODIES: dict[str, dict[str, Any]] = {
    "/cases": {"number": "815-26-99001"},
    "/cases/search": {"number": "815-26-00001"},
    "/cases/<>": {"priority": "urgent"},
    "/cases/<>/edit": {"priority": "urgent"},
    "/cases/<>/bundles": {"title": "Second file", "tier": "confidential"},
    "/bundles/<>/unlocking": {"password": PASSWORD},
    "/bundles/<>/password": {"old": PASSWORD, "new": "eight loud geese cross the weir"},
    "/cases/<>/move": {"office_code": "KBL", "username": "nobody", "reason": "they moved"},
    "/office/moves/<>/acceptance": {"seen": "0" * 64},
    "/cases/<>/assignments": {"person": "<person>"},
    "/cases/<>/assignments/removal": {"person": "<person>"},
    "/bundles/<>/reason": {"reason": "asked by the interpreter"},
    "/bundles/<>/members": {"person": "<person>"},
    "/bundles/<>/members/removal": {"person": "<person>"},
    "/documents/<>/loans": {"person": "<person>"},
    "/loans/<>/revocation": {"reason": "done"},
    "/people/<>/expiry": {"until": "2027-01-31"},
    "/handover": {"person": "<person>"},
    "/teams": {"name": "Night shift"},
    "/teams/<>/members": {"person": "<person>"},
    "/teams/<>/members/removal": {"person": "<person>"},
    "/bundles/<>/duplicates": {"sha256": "0" * 64},
    "/bundles/<>/shares": {
        "documents": ["<document>"],
        "recipient": {"name": "Iris Okello", "organisation": "A mission", "email": "iris@mission.example"},
    },
    "/bundles/<>/file-requests": {
        "name": "Iris Okello",
        "organisation": "A clinic",
        "document_types": ["rrf"],
    },
    "/file-requests/<>/ending": {"reason": "no longer needed"},
    "/bundles/<>/rekeying": {"reason": "seen", "number": "815-26-00001"},
    "/bundles/<>/tokens": {"token": "<token>"},
    "/bundles/<>/tokens/removal": {"token": "<token>"},
    "/office/video/approval": {"remark": "by the board"},
    "/office/video/withdrawal": {"remark": "by the board"},
    "/account/tokens": {"name": "a program", "scopes": "read"},
    "/account/mail": {"preference": "off"},
    "/people/<>/address": {"email": "amal@office.example"},
    "/documents/<>": {"title": "Other"},
    "/documents/<>/edit": {"title": "Other"},
    "/documents/<>/withdrawal": {"reason": "wrong file"},
    "/documents/<>/move": {"bundle": "<bundle>"},
    "/documents/<>/bookmarks": {"at": "0:00", "label": "here"},
    "/documents/<>/export": {"recipients": [age_recipient(public_key(bytes(32)))]},
    "/shares/<>/revocation": {"reason": "wrong mission"},
    "/shares/<>/extension": {"expires_at": FUTURE},
    "/shares/<>/letter": {"secret": "A" * 43},
    "/file-requests/<>/letter": {"secret": "A" * 43},
    "/office/matrix/changes": {
        "role": "reviewer",
        "document_type": "rrf",
        "tier": "confidential",
        "level": "view",
        "reason": "agreed",
    },
    "/office/matrix/changes/<>/approval": {"seen": "0" * 64},
    "/office/matrix/changes/<>/withdrawal": {"reason": "not yet"},
    "/people/<>/clearance": {"reason": "works on medical files"},
    "/people/<>/clearance/approval": {"seen": "0" * 64},
    "/people/<>/clearance/ending": {"reason": "works elsewhere"},
    "/office/recertifications/<>/decisions": {"keep": ["00000000-0000-0000-0000-000000000000"]},
    "/office/explanations": {"person": "<person>", "number": "815-26-00001"},
    "/office/desks": {"number": "1", "people": "<person>"},
    "/office/desks/<>/print-test": {"identity": "AGE-SECRET-KEY-PQ-1"},
    "/office/desks/<>/members": {"person": "<person>"},
    "/office/desks/<>/members/removal": {"person": "<person>"},
    "/bundles/<>/recoveries": {"purpose": "recover", "receiver": "<person>", "reason": "lost"},
    "/recoveries/<>/release": {"officer": "<person>"},
    "/recoveries/<>/ending": {"reason": "not needed"},
    "/recoveries/<>/review": {"reason": "all well"},
    "/organisations": {"name": "Another mission", "country": "CA"},
    "/organisations/<>/country": {"country": "CA"},
    "/organisations/<>/ending": {"reason": "closed"},
    "/organisations/<>/revocation": {"reason": "closed"},
    "/organisations/<>/agreements": {
        "reference": "DSA-2",
        "begins_on": "2026-11-01",
        "purposes": ["medical"],
        "document_types": ["medical_assessment"],
    },
    "/organisations/<>/recipients": {"name": "Ines Marin", "email": "ines@mission.example"},
    "/agreements/<>/ending": {"reason": "replaced"},
    "/agreements/<>/revocation": {"reason": "replaced"},
    "/recipients/<>/ending": {"reason": "left the mission"},
    "/recipients/<>/revocation": {"reason": "left the mission"},
    "/cases/<>/exceptions": {
        "organisation": NOBODY,
        "kind": "agreement",
        "expires_at": FUTURE,
        "reason": "they wait for the signature",
    },
    "/exceptions/<>/ending": {"reason": "signed"},
    "/incidents/<>/closure": {"reason": "a disk was changed"},
    "/documents/<>/declarations": {"declaration": NOBODY, "version": NOBODY},
    "/disclosures/search": {"number": "815-26-00001"},
    "/disclosures/export": {"reason": "asked by the mission"},
    "/office/share-policies": {
        "tier": "confidential",
        "default_days": 3,
        "longest_days": 7,
        "absolute_days": 14,
        "default_openings": 2,
        "most_openings": 5,
    },
    "/bundles/<>/share-requests": {
        "documents": ["<document>"],
        "organisation": "A mission",
        "recipients": [{"name": "Iris Okello", "email": "iris@mission.example"}],
    },
    "/share-batches": {
        "cases": ["815-26-00001"],
        "document_types": ["identity_copy"],
        "organisation": "A mission",
        "recipients": [{"name": "Iris Okello", "email": "iris@mission.example"}],
    },
    "/share-batches/<>/approval": {"seen": "0" * 64},
    "/share-batches/<>/withdrawal": {"reason": "not now"},
    "/share-batches/<>/links": {},
    "/share-requests/<>/approval": {"seen": "0" * 64},
    "/share-requests/<>/withdrawal": {"reason": "not now"},
    "/share-requests/<>/links": {},
    "/cases/<>/outcomes": {"individual": NOBODY, "outcome": "departed", "outcome_on": "2026-01-02"},
    "/cases/<>/closure": {"reason": "departed", "closed_on": "2026-01-02"},
    "/cases/<>/reopening": {"reason": "they came back"},
    "/cases/<>/reopening/approval": {"seen": "0" * 64},
    "/packages/<>/transfer": {"reason": "the headquarters take it over"},
    "/packages/<>/transfer/approval": {"seen": "0" * 64},
    "/packages/<>/receipt": {
        "accession_number": "1",
        "receiver": "a repository",
        "received_on": "2026-01-02",
        "sha256": "0" * 64,
    },
    "/cases/<>/removal": {"seen": "0" * 64, "number": "815-26-00001"},
    "/cases/<>/removal/approval": {"seen": "0" * 64, "number": "815-26-00001"},
    "/office/archive-identities": {
        "recipient": age_recipient(public_key(bytes(32))),
        "holder": "the records room",
    },
    "/office/archive-identities/<>/confirmation": {"seen": "0" * 64, "compared": True},
    "/office/archive-identities/<>/retirement": {"reason": "the safe was sold"},
    "/cases/<>/retrieval": {"reason": "the embassy asks again"},
    "/retrievals/<>/approval": {"seen": "0" * 64},
    "/retrievals/<>/order": {"bundle": "<bundle>"},
    "/retrievals/<>/rewrapping": {"identity": "AGE-SECRET-KEY-PQ-1QQ"},
    "/documents/<>/transcripts/verification": {"transcript": NOBODY},
    "/holds": {"case": NOBODY, "reason": "a court asks for it"},
    "/holds/<>/release": {"reason": "it is over"},
    "/office/retention/classes": {"code": "drafts", "disposal": "temporary"},
    "/office/retention/classes/<>/versions": {
        **{"title": "Records", "citation": "a circular", "counts_from": "case_closed"},
        **{"period": 20, "unit": "years", "action": "review"},
    },
    "/office/retention/versions/<>/approval": {"seen": "0" * 64},
    "/disposals": {
        **{"documents": ["<document>"], "reference": "RAS/2026/17", "dated": "2026-01-02", "seen": "0" * 64},
    },
    "/disposals/<>/approval": {"seen": "0" * 64},
    "/disposals/<>/rejection": {"reason": "an appeal is open"},
    "/documents/<>/extension": {"until": "2027-01-31", "reason": "an appeal is open"},
    "/documents/<>/reclassification": {"class_id": NOBODY, "reason": "the only proof"},
    "/office/disposal-signers": {"signers": 3},
    "/step-ups/<>": {"password": ACCOUNT_PASSWORD},
    "/account/factors/<>": {"code": "000000"},
    "/session": {"username": "nobody", "password": PASSWORD},
}
FORMS: dict[str, dict[str, Any]] = {
    "/disposals": {
        **{"documents": "<document>", "reference": "RAS/2026/17", "dated": "2026-01-02", "seen": "0" * 64},
    },
    "/bundles/<>/shares": {
        "documents": "<document>",
        "name": "Iris Okello",
        "organisation": "A mission",
        "email": "iris@mission.example",
    },
    "/bundles/<>/share-requests": {
        "documents": "<document>",
        "organisation": "A mission",
        "others": "Iris Okello, iris@mission.example",
    },
    "/share-batches": {
        "cases": "815-26-00001",
        "document_types": "identity_copy",
        "organisation": "A mission",
        "others": "Iris Okello, iris@mission.example",
    },
    "/bundles/<>/password": {
        "old": PASSWORD,
        "new": "eight loud geese cross the weir",
        "new_again": "eight loud geese cross the weir",
    },
}


class Way(NamedTuple):
    """One method of one rule."""

    rule: str
    method: str
    endpoint: str
    names: tuple[str, ...]

    @property
    def is_api(self) -> bool:
        """Whether it is for programs, who get JSON and send no form."""
        return self.rule.startswith(PROGRAM_PATHS)

    @property
    def plain(self) -> str:
        """The rule without the API's prefix and its parameters: the key of BODIES."""
        return re.sub(r"<[^>]+>", "<>", self.rule.removeprefix("/api/v1"))

    def path(self, **ids: object) -> str:
        """The address with these ids in it, by parameter or for all of them (`every`)."""
        return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(ids.get(found[1], ids.get("every"))), self.rule)

    def body(self, **ids: UUID) -> dict[str, Any]:
        """What an honest person would send, with ids where it names something."""
        wanted = BODIES.get(self.plain, {})
        if not self.is_api and self.method == "POST":
            wanted = FORMS.get(self.plain, wanted)
        return {name: _filled(value, ids) for name, value in wanted.items()}


def ways(app: Flask) -> Iterator[Way]:
    """All methods of all rules but OPTIONS."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint)):
        for method in sorted((rule.methods or set()) - {"OPTIONS"}):
            yield Way(rule.rule, method, rule.endpoint, tuple(sorted(rule.arguments)))


def send(browser: Browser, way: Way, path: str, body: dict[str, Any]) -> TestResponse:
    """As an honest browser or program would: forms with their token, files as multipart, JSON to the API."""
    if way.method in SAFE:
        return browser.client.open(path, method=way.method)
    if way.method == "POST" and way.plain == "/bundles/<>/documents":
        return browser.files(path, document_type="rrf")
    if way.method == "POST" and way.plain in ("/documents/<>/versions", "/retrievals/<>/answer"):
        return browser.files(path)
    if way.is_api or way.method != "POST":
        return browser.client.open(path, method=way.method, json=body)
    return browser.post(path, **body)


def _filled(value: Any, ids: dict[str, UUID]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(each, ids) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, ids) for each in value]
    if not isinstance(value, str):
        return value
    named = re.fullmatch(r"<(\w+)>", value)
    return str(ids[named[1]]) if named else value
