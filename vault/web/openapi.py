"""The description of the API for programs (OpenAPI 3.1), made from the views themselves.

A view says what it takes and gives with `documented`; `build_document` walks the rules under /api/v1. What is not
documented is not described, and a test says so.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

from flask import Flask, Response, current_app, json
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Rule

from vault import __version__, errors
from vault.web import idempotency
from vault.web.csrf import MULTIPART
from vault.web.etags import Stale
from vault.web.media import JSON, PROBLEM
from vault.web.paging import MAX_LIMIT, Page
from vault.web.problems import STATUS_OF_CODE

PREFIX = "/api/v1/"
REFERENCE = "#/components/schemas/{model}"
FILE_FIELD = "file"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
KEY_ERRORS = (errors.Invalid.code, errors.Conflict.code)
REPLAY = {
    "description": "Done before: status and Location are those of the first answer, and there is no body.",
    "schema": {"const": "true"},
}
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
    form: type[BaseModel] | None = None
    answers: Sequence[int] = ()
    query: Mapping[str, dict[str, Any]] = {}
    sends_bytes: bool = False


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
    form: type[BaseModel] | None = None,
    answers: Sequence[int] = (),
    query: Mapping[str, dict[str, Any]] | None = None,
    sends_bytes: bool = False,
) -> Callable[[View], View]:
    """Describe a view: one sentence, JSON in and out, status when all is well, codes of errors of its own.

    Errors that follow from the address, the body and the sign-in are added by themselves. `form` is the fields of a
    multipart body with `file` parts behind them; `answers` are further good statuses; `query` has a schema for each
    parameter; `sends_bytes` says that the good answer is a stored content.
    """
    unknown = [code for code in errors if code not in STATUS_OF_CODE]
    if unknown:
        raise ValueError(f"unknown error codes: {unknown}")

    def described(view: View) -> View:
        view.documentation = Documentation(  # type: ignore[attr-defined]
            summary, body, returns, status, errors, form, answers, query or {}, sends_bytes
        )
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
                needs_person = getattr(app.view_functions[rule.endpoint], "needs_person", False)
                operation = _operation(rule, method, documentation, needs_person, models)
                paths.setdefault(_path(rule), {})[method.lower()] = operation
    cookies: tuple[str, ...] = app.extensions["csrf"]
    return {
        "openapi": "3.1.0",
        "info": {"title": "Casevault", "version": __version__},
        "security": [{name: []} for name in (*cookies, "token")],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {
                **{name: {"type": "apiKey", "in": "cookie", "name": name} for name in cookies},
                "token": {"type": "http", "scheme": "bearer"},
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


def _operation(
    rule: Rule, method: str, view: Documentation, needs_person: bool, models: Models
) -> dict[str, Any]:
    takes_key = _takes_key(rule.endpoint, method, view)
    codes = [*_likely_errors(rule, view, needs_person), *(KEY_ERRORS if takes_key else ())]
    operation: dict[str, Any] = {
        "operationId": f"{rule.endpoint.replace('.', '_')}_{method.lower()}",
        "summary": view.summary,
        "tags": [rule.rule.removeprefix(PREFIX).partition("/")[0]],
        "parameters": [
            *_path_parameters(rule),
            *_query_parameters(view),
            *_header_parameters(view, takes_key),
        ],
        "responses": _responses(view, codes, models, takes_key),
    }
    if not needs_person:
        operation["security"] = []
    if view.body:
        content = {JSON: {"schema": models[view.body, "validation"]}}
        operation["requestBody"] = {"required": True, "content": content}
    if view.form:
        content = {MULTIPART: {"schema": _with_files(view.form)}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _with_files(form: type[BaseModel]) -> dict[str, Any]:
    """The schema of a multipart body: its fields, and one or more files behind them."""
    schema = form.model_json_schema()
    file = {"type": "string", "contentMediaType": "application/octet-stream"}
    files = {"type": "array", "items": file, "minItems": 1}
    properties = {**schema.get("properties", {}), FILE_FIELD: files}
    return {**schema, "properties": properties, "required": [*schema.get("required", []), FILE_FIELD]}


def _path_parameters(rule: Rule) -> Iterator[dict[str, Any]]:
    for name, converter in rule._converters.items():
        schema = CONVERTERS.get(type(converter).__name__, {"type": "string"})
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(view: Documentation) -> Iterator[dict[str, Any]]:
    if _is_list(view):
        limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}
        yield {"name": "after", "in": "query", "schema": {"type": "string", "minLength": 1}}
        yield {"name": "limit", "in": "query", "schema": limit}
    for name, schema in view.query.items():
        yield {"name": name, "in": "query", "schema": schema}


def _header_parameters(view: Documentation, takes_key: bool) -> Iterator[dict[str, Any]]:
    if takes_key:
        schema = {"type": "string", "minLength": 1, "maxLength": idempotency.LONGEST, "pattern": "^[ -~]+$"}
        yield {"name": idempotency.HEADER, "in": "header", "schema": schema}
    if Stale.code in view.errors:
        yield {"name": "If-Match", "in": "header", "schema": {"type": "string"}}
    if errors.BadRange.code in view.errors:
        yield {"name": "Range", "in": "header", "schema": {"type": "string"}}


def _takes_key(endpoint: str, method: str, view: Documentation) -> bool:
    is_remembered = not idempotency.REMEMBERED.isdisjoint((view.status, *view.answers))
    return is_remembered and not view.form and idempotency.takes_key(endpoint, method)


def _is_list(view: Documentation) -> bool:
    return view.returns is not None and issubclass(view.returns, Page)


def _likely_errors(rule: Rule, view: Documentation, needs_person: bool) -> Iterator[str]:
    """Codes that follow from what the request carries and who may send it, then those that the view names."""
    if _is_list(view) or view.query or view.body or view.form:
        yield errors.Invalid.code
    if needs_person:
        yield errors.Unauthenticated.code
    yield errors.Refused.code
    if rule.arguments:
        yield errors.NotFound.code
    if view.body or view.form:
        yield from (errors.TooLarge.code, errors.WrongType.code)
    yield from view.errors


def _responses(view: Documentation, codes: Iterable[str], models: Models, takes_key: bool) -> dict[str, Any]:
    """The good answers, each likely error by its status, and `default` for what may befall any request."""
    good: dict[str, Any] = {"description": view.summary}
    if view.returns:
        good["content"] = {JSON: {"schema": models[view.returns, "serialization"]}}
    if view.sends_bytes:
        good["content"] = {"*/*": {}}
    if takes_key:
        good["headers"] = {idempotency.REPLAYED: REPLAY}
    problem = {PROBLEM: {"schema": models[ProblemDetails, "serialization"]}}
    found: dict[str, Any] = {str(status): good for status in (view.status, *view.answers)}
    for code in codes:
        known = found.setdefault(str(STATUS_OF_CODE[code]), {"description": code, "content": problem})
        if code not in known["description"].split(", "):
            known["description"] += f", {code}"
    return {**found, "default": {"description": "A problem", "content": problem}}
