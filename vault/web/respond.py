"""One path for people and programs: a form or a JSON body in, a page or JSON out.

A view reads with `parse`, runs a verb, and answers with `respond`; a form that was filled in wrongly is
shown again by `shows_form`, with what was typed and an error summary:

    @bp.get("/cases/<uuid:case_id>/bundles/new")
    def new_bundle(case_id: UUID):
        with transaction() as tx:
            page = bundle_form(tx, case_id)
        return respond("bundles/new.html", page)

    @bp.post("/cases/<uuid:case_id>/bundles")
    @shows_form(new_bundle)
    def create(case_id: UUID):
        wanted = parse(NewBundle)
        with transaction() as tx:
            bundle = create_bundle(tx, case_id, wanted)
        return respond("bundles/bundle.html", shown(bundle), location=url_for(".show", bundle_id=bundle.id))

The template prints each input with the macro `field`, which finds typed values and faults by itself
(`form_state`).
"""

import json
import types
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import wraps
from typing import Annotated, Any, ParamSpec, TypeVar, Union, get_args, get_origin

from flask import Flask, Response, g, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, ValidationError
from werkzeug.wrappers import Response as AnyResponse

from vault.errors import Fault, Invalid, StepUpDue, VaultError, WrongType
from vault.web.csrf import FIELD as CSRF_FIELD
from vault.web.csrf import MOST_BODY
from vault.web.faults import faults_of
from vault.web.locale import gettext
from vault.web.media import JSON, speaks_json
from vault.web.paging import Page, linked, next_url
from vault.web.problems import answer_vault_error, meaning_of

STEP_UP_FIELDS = "step_up_"
"""How names begin that a form carries with a proof of who sends it (`web/step_up.py`); no view reads them."""
Asked = TypeVar("Asked", bound=BaseModel)
P = ParamSpec("P")


@dataclass(frozen=True)
class Step:
    """One of several pages of a form (`web/steps.py`): its name, its place, those beside it, and what the others said.

    `is_kept`: it was answered before, and shows that.
    """

    name: str
    number: int
    before: str | None
    after: str | None
    carried: list[tuple[str, str]]
    is_kept: bool


@dataclass
class FormState:
    """What a form that is shown again knows: the error, what was typed, what is wrong with which field."""

    error: str = ""
    typed: dict[str, list[str]] = dataclass_field(default_factory=dict)
    faults: dict[str, str] = dataclass_field(default_factory=dict)
    labels: dict[str, str] = dataclass_field(default_factory=dict)
    is_here: bool = True
    step: Step | None = None

    def enter(self, action: str) -> None:
        """What follows belongs to the form that posts to `action`, this page's own address if empty, the same without its
        fragment if `?`."""
        self.is_here = self.step is not None or (bool(self.error) and action in {"", "?", request.path})

    def fault(self, name: str) -> str:
        """What is wrong with the input `name` of the form entered last."""
        return self.faults.get(name, "") if self.is_here else ""

    def answers(self, name: str, otherwise: list[str]) -> list[str]:
        """What was typed or ticked in the input `name`, or `otherwise` in a form that is shown for the first time."""
        is_typed = self.step.is_kept if self.step else bool(self.error)
        return self.typed.get(name, []) if is_typed and self.is_here else otherwise


def install(app: Flask) -> None:
    """Give templates `form_state`, which the macros read, and `next_url` for long lists."""
    app.add_template_global(next_url)
    app.add_template_global(form_state)


def form_state() -> FormState:
    """The state of the form of this request, empty unless it is shown again. Macros note their labels in it."""
    if "form_state" not in g:
        g.form_state = FormState()
    state: FormState = g.form_state
    return state


def parse(model: type[Asked]) -> Asked:
    """What was asked for, or `Invalid` with a fault for each field (JSON pointers, also for forms).

    JSON is read strictly: no duplicate keys, no numbers in strings, at most 1 MiB. In a form a name may be
    repeated for a list, an empty input is None, and `csrf` and what belongs to a proof are not fields. Text
    becomes NFC. `model` forbids unknown fields.
    """
    if model.model_config.get("extra") != "forbid":
        raise TypeError(f"{model.__name__} must be declared with extra='forbid'")
    try:
        if request.mimetype == JSON:
            return model.model_validate_json(_json_body(), strict=True)
        return model.model_validate(_form_body(model))
    except ValidationError as error:
        raise Invalid("Check what was entered. Nothing was changed.", errors=faults_of(error)) from None


def respond(
    template: str,
    page: BaseModel | None,
    status: int = 200,
    location: str | None = None,
    etag: str | None = None,
) -> AnyResponse:
    """`page` as JSON or through `template`, where it is called `page`.

    `location` is what a POST made or changed: people are redirected to it (303), programs get 201 with
    `Location`. None for a page is 204 to programs. A `paging.Page` that goes on carries `Link`.
    """
    if speaks_json(request):
        response = _json(page, status, location)
    elif location:
        return redirect(location, 303)
    else:
        response = Response(render_template(template, page=page), status)
    response.vary.add("Accept")
    if isinstance(page, Page):
        linked(response, page)
    if etag:
        response.set_etag(etag)
        return response.make_conditional(request)
    return response


def _json(page: BaseModel | None, status: int, location: str | None) -> Response:
    if location and status == 200 and request.method == "POST":
        status = 201
    if page is None:
        response = Response(status=204 if status == 200 else status)
    else:
        response = Response(page.model_dump_json(), status, mimetype=JSON)
    if location:
        response.headers["Location"] = location
    return response


def shows_form(
    form_view: Callable[P, ResponseReturnValue], *also: type[VaultError]
) -> Callable[[Callable[P, ResponseReturnValue]], Callable[P, ResponseReturnValue]]:
    """Let `form_view` (same URL arguments) answer a person whose POST was `Invalid`, or one of `also`.

    The answer has the status of the error. Programs get the problem as always; a proof that is due has a page of its own.
    """

    def decorate(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
        caught: tuple[type[VaultError], ...] = (Invalid, *also)

        @wraps(view)
        def shown(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            try:
                return view(*args, **kwargs)
            except caught as error:
                if speaks_json(request) or isinstance(error, StepUpDue):
                    raise
                return _form_again(lambda: form_view(*args, **kwargs), error)

        return shown

    return decorate


def _form_again(show: Callable[[], ResponseReturnValue], error: VaultError) -> AnyResponse:
    meaning = meaning_of(error)
    if meaning.status >= 500:
        return answer_vault_error(error)
    faults: dict[str, str] = {}
    for fault in error.errors:
        faults.setdefault(fault.pointer.split("/")[1] if "/" in fault.pointer else "", gettext(fault.message))
    text = gettext(error.message or meaning.sentence)
    g.form_state = FormState(text, request.form.to_dict(flat=False), faults)
    response = make_response(show())
    response.status_code = meaning.status
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _json_body() -> str:
    """The body written anew, after the checks that pydantic's own reader does not make."""
    request.max_content_length = MOST_BODY
    try:
        body = json.loads(request.get_data(), object_pairs_hook=_unique)
        return json.dumps(_clean(body), allow_nan=False)
    except (ValueError, RecursionError):
        raise Invalid("The body is not valid JSON.") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = {_clean(name): _clean(value) for name, value in pairs}
    if len(found) != len(pairs):
        raise Invalid("The body names a field twice.")
    return found


def _clean(value: Any) -> Any:
    """Text in NFC; NUL is refused, because no database and no file name can carry it."""
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if not isinstance(value, str):
        return value
    if "\0" in value:
        raise Invalid("Text must not contain the character NUL.")
    return unicodedata.normalize("NFC", value)


def _form_body(model: type[BaseModel]) -> dict[str, Any]:
    if request.path.startswith("/api/"):
        raise WrongType("Send JSON: Content-Type application/json.")
    asked: dict[str, Any] = {}
    for name, values in request.form.lists():
        if name == CSRF_FIELD or name.startswith(STEP_UP_FIELDS):
            continue
        cleaned = [_clean(value) for value in values]
        field = model.model_fields.get(name)
        if field is not None and _is_list(field.annotation):
            asked[name] = [value for value in cleaned if value != ""]
        elif len(cleaned) > 1:
            raise Invalid(
                "The form names a field twice.", errors=[Fault(f"/{name}", gettext("Give one answer."))]
            )
        else:
            asked[name] = cleaned[0] if cleaned[0] != "" else None
    return asked


def _is_list(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _is_list(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return any(_is_list(part) for part in get_args(annotation))
    return (origin or annotation) in (list, tuple, set, frozenset)
