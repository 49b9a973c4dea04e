"""The description of the API is made from the views."""

from __future__ import annotations

import pytest

from vault.web.openapi import documented


@pytest.fixture
def described(guest) -> dict:
    return guest.get("/api/v1/openapi.json").json


def test_paths_name_their_parameters_and_bodies(described):
    operation = described["paths"]["/api/v1/bundles/{bundle_id}"]["post"]
    [parameter] = operation["parameters"]
    assert parameter == {
        "name": "bundle_id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "format": "uuid"},
    }
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    schema = described["components"]["schemas"][reference.rpartition("/")[2]]
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["title", "tier"]


def test_answers_are_described_good_and_bad(described):
    answers = described["paths"]["/api/v1/bundles/{bundle_id}"]["post"]["responses"]
    assert set(answers) == {"201", "400", "403", "404", "413", "415", "default"}
    assert "application/problem+json" in answers["400"]["content"]


def test_lists_describe_their_cursor(described):
    names = [parameter["name"] for parameter in described["paths"]["/api/v1/items"]["get"]["parameters"]]
    assert names == ["after", "limit"]


def test_pages_for_people_are_not_described(described):
    assert all(path.startswith("/api/v1/") for path in described["paths"])
    assert described["security"] == [{"session": []}, {"token": []}]


def test_every_reference_leads_somewhere(described):
    def references(part):
        if isinstance(part, dict):
            yield from ([part["$ref"]] if "$ref" in part else [])
            part = list(part.values())
        if isinstance(part, list):
            for one in part:
                yield from references(one)

    wanted = set(references(described))
    assert wanted
    assert wanted <= {f"#/components/schemas/{name}" for name in described["components"]["schemas"]}


def test_an_unknown_error_code_is_a_mistake_of_ours():
    with pytest.raises(ValueError, match="no-such"):
        documented("Nothing", errors=("no-such",))
