"""The description of the API for programs (OpenAPI 3.1), made from the views themselves.

A view says what it takes and gives with `documented`; `build_document` walks the rules under /api/v1. What is not
documented is not described, and a test says so.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

from flask import Flask, Response, current_app, json
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Rule

from vault import __version__
from vault.web.media import JSON, PROBLEM
from vault.web.paging import MAX_LIMIT, Page
from vault.web.problems import STATUS_OF_CODE

PREFIX = "/api/v1/"
REFERENCE = "#/components/schemas/{model}"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
CONVERTERS: dict[str, dict[str, Any]] = {
    "UUIDConverter": {"type": "string", "format": "uuid"},
    "IntegerConverter": {"type": "integer", "minimum": 0},
}

View = TypeVar("View", bound=Callable[..., Any])
Models = Mapping[Any, dict[str, Any]]


class Documentation(NamedTuple):
    """What a view says of itself."""

    summary: str
    body: type[BaseModel] | None
    returns: type[BaseModel] | None
    status: int
    errors: Sequence[str]


class ProblemFault(BaseModel):
    """One thing wrong with one field: a JSON pointer and a sentence."""

    pointer: str
    detail: str


class ProblemDetails(BaseModel):
    """RFC 9457. `type` is stable; `instance` is the reference that stands in the log."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[ProblemFault] = []


def documented(
    summary: str,
    body: type[BaseModel] | None = None,
    returns: type[BaseModel] | None = None,
    status: int = 200,
    errors: Sequence[str] = (),
) -> Callable[[View], View]:
    """Describe a view: one sentence, JSON in and out, status when all is well, codes of likely errors."""
    unknown = [code for code in errors if code not in STATUS_OF_CODE]
    if unknown:
        raise ValueError(f"unknown error codes: {unknown}")

    def described(view: View) -> View:
        view.documentation = Documentation(summary, body, returns, status, errors)  # type: ignore[attr-defined]
        return view

    return described


def install(app: Flask) -> None:
    """Serve the description at /api/v1/openapi.json, to anybody: it holds no secret."""

    def description() -> Response:
        return Response(json.dumps(build_document(current_app)), mimetype=JSON)

    app.add_url_rule(f"{PREFIX}openapi.json", "openapi", description)


def build_document(app: Flask) -> dict[str, Any]:
    """The whole description as plain dicts and lists, the same for the same code."""
    described = list(_described(app))
    wanted: dict[tuple[type[BaseModel], Literal["validation", "serialization"]], None] = {
        (ProblemDetails, "serialization"): None
    }
    for _rule, documentation in described:
        if documentation.body:
            wanted[documentation.body, "validation"] = None
        if documentation.returns:
            wanted[documentation.returns, "serialization"] = None
    models, definitions = models_json_schema(list(wanted), ref_template=REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for rule, documentation in described:
        for method in METHODS:
            if method in (rule.methods or ()):
                operation = _operation(rule, method, documentation, models)
                paths.setdefault(_path(rule), {})[method.lower()] = operation
    cookies: tuple[str, ...] = app.extensions["csrf"]
    return {
        "openapi": "3.1.0",
        "info": {"title": "Casevault", "version": __version__},
        "security": [{"bearer": []}, *({cookie: []} for cookie in cookies)],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                **{name: {"type": "apiKey", "in": "cookie", "name": name} for name in cookies},
            },
        },
    }


def _described(app: Flask) -> Iterator[tuple[Rule, Documentation]]:
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint)):
        documentation = getattr(app.view_functions[rule.endpoint], "documentation", None)
        if rule.rule.startswith(PREFIX) and documentation:
            yield rule, documentation


def _path(rule: Rule) -> str:
    return re.sub(r"<(?:[^:>]+:)?([^>]+)>", r"{\1}", rule.rule)


def _operation(rule: Rule, method: str, documentation: Documentation, models: Models) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{rule.endpoint.replace('.', '_')}_{method.lower()}",
        "summary": documentation.summary,
        "tags": [rule.rule.removeprefix(PREFIX).partition("/")[0]],
        "parameters": [*_path_parameters(rule), *_query_parameters(documentation)],
        "responses": _responses(documentation, models),
    }
    if documentation.body:
        content = {JSON: {"schema": models[documentation.body, "validation"]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _path_parameters(rule: Rule) -> Iterator[dict[str, Any]]:
    for name, converter in rule._converters.items():
        schema = CONVERTERS.get(type(converter).__name__, {"type": "string"})
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(documentation: Documentation) -> Iterator[dict[str, Any]]:
    if documentation.returns and issubclass(documentation.returns, Page):
        limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}
        yield {"name": "after", "in": "query", "schema": {"type": "string", "minLength": 1}}
        yield {"name": "limit", "in": "query", "schema": limit}


def _responses(documentation: Documentation, models: Models) -> dict[str, Any]:
    """The good answer, each likely error, and `default` for all other problems."""
    good: dict[str, Any] = {"description": documentation.summary}
    if documentation.returns:
        good["content"] = {JSON: {"schema": models[documentation.returns, "serialization"]}}
    problem = {PROBLEM: {"schema": models[ProblemDetails, "serialization"]}}
    found: dict[str, Any] = {str(documentation.status): good}
    for code in documentation.errors:
        found.setdefault(str(STATUS_OF_CODE[code]), {"description": code, "content": problem})
    return {**found, "default": {"description": "A problem", "content": problem}}
