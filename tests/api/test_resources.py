"""What programs may rely on: the resources, their description, errors, lists, and changes that overwrite nothing."""

from __future__ import annotations

import json
import re
from uuid import uuid4

import pytest

from tests.browsing import API, Browser
from vault.access.actor import Role
from vault.web.openapi import build_document

RESOURCES = """
POST DELETE /session
POST /session/factor
POST /session/challenge
POST /step-ups/{step_up_id}
GET POST /cases
POST /cases/search
GET PATCH /cases/{case_id}
GET POST DELETE /cases/{case_id}/assignments
GET POST /cases/{case_id}/move
GET POST /cases/{case_id}/outcomes
GET POST /cases/{case_id}/closure
POST /cases/{case_id}/archiving
GET POST /cases/{case_id}/retrieval
POST /retrievals/{retrieval_id}/approval
POST /retrievals/{retrieval_id}/withdrawal
GET POST /retrievals/{retrieval_id}/order
POST /retrievals/{retrieval_id}/answer
POST /retrievals/{retrieval_id}/rewrapping
POST /retrievals/{retrieval_id}/copying
GET /archive/rewrap_headers.py
GET /archive/fixity
GET /incidents/{incident_id}
POST /incidents/{incident_id}/closure
GET POST /cases/{case_id}/removal
POST /cases/{case_id}/removal/approval
POST /cases/{case_id}/removal/cancellation
GET /certificates
GET /archive/verify_certificate.py
GET /certificates/{certificate_id}
GET /certificates/{certificate_id}/content
GET /packages/{package_id}
GET /packages/{package_id}/content
POST /packages/{package_id}/transfer
POST /packages/{package_id}/transfer/approval
POST /packages/{package_id}/transfer/withdrawal
POST /packages/{package_id}/delivery
POST /packages/{package_id}/receipt
GET /archive
POST /cases/{case_id}/reopening
POST /cases/{case_id}/reopening/approval
POST /cases/{case_id}/reopening/withdrawal
GET POST /office/archive-identities
GET /office/archive-identities/{identity_id}
POST /office/archive-identities/{identity_id}/confirmation
POST /office/archive-identities/{identity_id}/retirement
GET /office/retention
GET /office/retention/due
POST /office/retention/classes
GET /office/retention/classes/{class_id}
POST /office/retention/classes/{class_id}/versions
GET /office/retention/versions/{rule_id}
POST /office/retention/versions/{rule_id}/approval
POST /office/retention/versions/{rule_id}/withdrawal
GET POST /disposals
GET /disposals/draft
GET /disposals/documents
GET /disposals/{disposal_id}
POST /disposals/{disposal_id}/approval
POST /disposals/{disposal_id}/rejection
POST /disposals/{disposal_id}/cancellation
GET /disposals/{disposal_id}/certificate
GET /documents/{document_id}/review
POST /documents/{document_id}/extension
POST /documents/{document_id}/reclassification
POST /office/disposal-signers
GET POST /holds
GET /holds/{hold_id}
POST /holds/{hold_id}/release
GET /cases/{case_id}/holds
GET /documents/{document_id}/holds
GET /documents/{document_id}/transcripts
POST /documents/{document_id}/transcripts/verification
GET /office/moves
GET /office/moves/{move_id}
POST /office/moves/{move_id}/acceptance
POST /office/moves/{move_id}/withdrawal
GET POST /cases/{case_id}/bundles
GET /bundles/{bundle_id}
POST /bundles/{bundle_id}/unlocking
POST /bundles/{bundle_id}/locking
PUT /bundles/{bundle_id}/password
GET POST DELETE /bundles/{bundle_id}/members
GET POST /bundles/{bundle_id}/reason
POST /bundles/{bundle_id}/rekeying
GET POST /bundles/{bundle_id}/tokens
POST /bundles/{bundle_id}/tokens/removal
GET POST /bundles/{bundle_id}/documents
POST /bundles/{bundle_id}/duplicates
GET PATCH /documents/{document_id}
GET POST /documents/{document_id}/versions
POST /documents/{document_id}/withdrawal
POST /documents/{document_id}/move
GET /documents/{document_id}/content
GET /documents/{document_id}/pages
GET /documents/{document_id}/pages/{n}
GET POST /documents/{document_id}/bookmarks
DELETE /documents/{document_id}/bookmarks/{bookmark_id}
GET /documents/{document_id}/readings
GET /bundles/{bundle_id}/content.zip
GET /document-types
POST /documents/{document_id}/export
POST /documents/{document_id}/cleaning
GET POST /bundles/{bundle_id}/shares
GET POST /bundles/{bundle_id}/file-requests
GET /file-requests/{file_request_id}
POST /file-requests/{file_request_id}/ending
POST /file-requests/{file_request_id}/letter
GET POST /file-requests/{file_request_id}/receipt
GET /shares
GET /shares/{share_id}
POST /shares/{share_id}/revocation
POST /shares/{share_id}/extension
POST /shares/{share_id}/resumption
GET /shares/{share_id}/openings
POST /shares/{share_id}/letter
GET /notices
POST /notices/reading
GET POST /account/mail
GET /loans
GET /lent
POST /documents/{document_id}/loans
GET /loans/{loan_id}
POST /loans/{loan_id}/revocation
GET /loans/{loan_id}/content
GET /people
GET POST /teams
GET POST /teams/{team_id}/dissolution
GET /teams/{team_id}
POST DELETE /teams/{team_id}/members
GET /office/video
POST /office/video/approval
POST /office/video/withdrawal
GET POST /office/mail
GET POST /office/scanning
GET /office/matrix
GET /office/matrix/history
GET /office/matrix/cell
POST /office/matrix/changes
GET /office/matrix/changes/{cell_id}
POST /office/matrix/changes/{cell_id}/approval
POST /office/matrix/changes/{cell_id}/withdrawal
GET /office/procedures
GET /office/clearances
GET POST /people/{person_id}/clearance
POST /people/{person_id}/clearance/approval
POST /people/{person_id}/clearance/ending
POST /office/explanations
GET /office/reasons
GET POST /office/recertifications
GET /office/recertifications/{round_id}
POST /office/recertifications/{round_id}/decisions
POST /office/reasons/{reason_id}/seen
GET /documents/{document_id}/explanation
GET /office/recovery
POST /bundles/{bundle_id}/recoveries
GET /recoveries/{recovery_id}
POST /recoveries/{recovery_id}/release
POST /recoveries/{recovery_id}/completion
POST /recoveries/{recovery_id}/ending
POST /recoveries/{recovery_id}/review
GET /audit/events
GET /audit/checkpoint
GET POST /organisations
GET /organisations/{organisation_id}
POST /organisations/{organisation_id}/country
POST /organisations/{organisation_id}/ending
POST /organisations/{organisation_id}/revocation
POST /organisations/{organisation_id}/agreements
POST /organisations/{organisation_id}/recipients
GET /agreements/{agreement_id}
POST /agreements/{agreement_id}/ending
POST /agreements/{agreement_id}/revocation
GET /recipients/{recipient_id}
POST /recipients/{recipient_id}/ending
POST /recipients/{recipient_id}/revocation
GET POST /cases/{case_id}/exceptions
POST /exceptions/{exception_id}/ending
GET POST /documents/{document_id}/declarations
POST /bundles/{bundle_id}/share-requests
GET /share-requests
GET /share-requests/{request_id}
POST /share-requests/{request_id}/approval
POST /share-requests/{request_id}/withdrawal
POST /share-requests/{request_id}/links
GET POST /share-batches
GET /share-batches/{batch_id}
POST /share-batches/{batch_id}/approval
POST /share-batches/{batch_id}/withdrawal
POST /share-batches/{batch_id}/links
GET POST /office/share-policies
POST /office/share-policies/{policy_id}/ending
GET /disclosures
POST /disclosures/search
POST /disclosures/export
GET /cases/{case_id}/disclosures
"""
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


@pytest.fixture
def browser(app, make) -> Browser:
    return Browser(app, make.actor())


@pytest.fixture
def described(app) -> dict:
    return build_document(app)


def test_every_resource_of_this_release_is_there_and_no_other(described):
    wanted = {
        (method, f"{API}{line.split()[-1]}")
        for line in RESOURCES.strip().splitlines()
        for method in line.split()[:-1]
    }
    found = {
        (method.upper(), path) for path, operations in described["paths"].items() for method in operations
    }
    assert found == wanted


def test_every_rule_below_the_prefix_is_described(app, described):
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(API) and rule.endpoint != "openapi":
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
            missing = (rule.methods & METHODS) - {
                method.upper() for method in described["paths"].get(path, {})
            }
            assert not missing, rule


def test_the_description_is_the_same_each_time_and_for_everybody(app, browser):
    first, second = (client.get(f"{API}/openapi.json") for client in (app.test_client(), browser.client))
    assert first.data == second.data
    assert first.json["openapi"] == "3.1.0"


def test_every_body_refuses_what_it_does_not_know(described):
    for path, operations in described["paths"].items():
        for operation in operations.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                schema = content["schema"]
                name = schema.get("$ref", "").rpartition("/")[2]
                found = described["components"]["schemas"][name] if name else schema
                assert found["additionalProperties"] is False, path


def test_an_unknown_field_is_refused_by_its_pointer(browser):
    answer = browser.api("POST", "/cases", {"number": "815-26-00001", "colour": "red"})

    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"
    assert set(answer.json) == {"type", "title", "status", "detail", "instance", "errors"}
    assert answer.json["type"] == "/problems/invalid"
    assert answer.json["status"] == 400
    assert answer.json["errors"] == [{"pointer": "/colour", "detail": "This field is not known here."}]


def test_a_fault_inside_a_list_or_an_object_has_its_pointer(app, make):
    actor = make.actor()
    bundle = make.bundle(actor)
    wanted = {
        "documents": [str(uuid4()), "not an id"],
        "recipient": {"name": "Iris", "organisation": "A mission", "email": "nowhere"},
    }

    answer = Browser(app, actor).api("POST", f"/bundles/{bundle.id}/shares", wanted)

    assert {fault["pointer"] for fault in answer.json["errors"]} == {"/documents/1", "/recipient/email"}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not-found"),
        ("GET", "/bundles/00000000-0000-4000-8000-000000000000", 404, "not-found"),
        ("DELETE", "/cases", 405, "method-not-allowed"),
        ("GET", "/audit/events", 403, "forbidden"),
        ("GET", "/cases?limit=0", 400, "invalid"),
        ("GET", "/cases?after=x", 400, "invalid"),
        ("POST", "/cases/search", 415, "wrong-type"),
    ],
)
def test_every_refusal_is_a_problem(browser, method, path, status, code):
    answer = browser.api(method, path)
    assert answer.status_code == answer.json["status"] == status
    assert answer.content_type == "application/problem+json"
    assert answer.json["type"] == f"/problems/{code}"
    assert re.fullmatch(r"[0-9A-Z]{12}", answer.json["instance"])
    assert answer.json["title"]
    assert answer.json["detail"]


def test_a_method_that_is_not_allowed_is_told_which_are(browser):
    assert set(browser.api("DELETE", "/cases").headers["Allow"].split(", ")) >= {"GET", "POST"}


@pytest.mark.parametrize(
    ("path", "role"), [("/cases", None), ("/shares", None), ("/people", None), ("/audit/events", 1)]
)
def test_a_list_is_walked_to_its_end_by_its_links(app, make, path, role):
    actor = make.actor(None, Role.CASEWORKER, *([Role.AUDITOR] if role else []))
    bundle = make.bundle(actor)
    document = make.document(actor, bundle)
    for _ in range(4):
        make.case(actor)
        make.person()
        make.share(actor, [document])
    browser = Browser(app, actor)

    whole = browser.api("GET", f"{path}?limit=100").json["items"]
    walked, onward = [], f"{API}{path}?limit=2"
    while onward:
        answer = browser.get(onward)
        assert len(answer.json["items"]) <= 2
        walked += answer.json["items"]
        link = re.fullmatch(r'<([^>]+)>; rel="next"', answer.headers.get("Link", ""))
        assert bool(link) == bool(answer.json["next"])
        onward = link[1] if link else None

    names, at_once = ([item.get("id") or item["number"] for item in items] for items in (walked, whole))
    assert len(names) == len(set(names))
    assert len(at_once) >= 4
    assert names[len(names) - len(at_once) :] == at_once  # looking at the log adds an event to it


def test_a_case_is_not_overwritten_by_somebody_who_saw_an_older_one(browser):
    made = browser.api("POST", "/cases", {"number": "815-26-55555"}).json
    address = f"/cases/{made['id']}"
    seen = browser.api("GET", address).headers["ETag"]
    changed = browser.api("PATCH", address, {"priority": "urgent"}, {"If-Match": seen})

    late = browser.api("PATCH", address, {"priority": "normal"}, {"If-Match": seen})

    assert changed.status_code == 200
    assert changed.headers["ETag"] != seen
    assert late.status_code == 412
    assert late.json["type"] == "/problems/precondition-failed"
    assert browser.api("GET", address).json["priority"] == "urgent"
    assert browser.api("PATCH", address, {"priority": "normal"}, {"If-Match": "*"}).status_code == 200
    assert browser.api("PATCH", address, {"priority": "urgent"}).status_code == 200


def test_a_document_is_not_overwritten_by_somebody_who_saw_an_older_one(app, make):
    actor = make.actor()
    document = make.document(actor, make.bundle(actor))
    browser, address = Browser(app, actor), f"/documents/{document.id}"
    seen = browser.api("GET", address).headers["ETag"]

    first = browser.api("PATCH", address, {"title": "Form A"}, {"If-Match": seen})
    late = browser.api("PATCH", address, {"title": "Form B"}, {"If-Match": seen})

    assert (first.status_code, late.status_code) == (200, 412)
    assert browser.api("GET", address).json["title"] == "Form A"


def test_answers_are_utf8_json_with_their_times_in_utc(browser):
    made = browser.api("POST", "/cases", {"number": "815-26-55556", "stage": "Übergabe"})
    assert made.content_type == "application/json"
    assert json.loads(made.data.decode("utf-8"))["stage"] == "Übergabe"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", made.json["changed_at"])
