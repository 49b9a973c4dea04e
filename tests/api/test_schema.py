"""Every resource of the API keeps to its own description, whatever is sent to it."""

from __future__ import annotations

from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.core.parameters import ParameterLocation

from tests.databases import is_postgresql
from tests.factory import test_settings
from tests.fakes import RecordingBell
from tests.moments import Moment
from tests.places import is_long
from tests.world import World
from vault.app import create_app
from vault.db import make_engine
from vault.people.sessions import cookie_of
from vault.runtime import Runtime
from vault.store.memory import MemoryStore
from vault.web.idempotency import HEADER
from vault.web.signin import PLAIN_COOKIE

EXAMPLES = 400 if is_long() else 30 if is_postgresql() else 10
"""PostgreSQL, which takes less, is sent all; SQLite, on top of the cases that the description itself makes, the first."""
PLACE = "n"
"""The number of a page, in an address: no id."""
SIGN_OUT = "DELETE /api/v1/session"
ROUNDS = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.filter_too_much],
}
CONFIG = schemathesis.Config.from_dict(
    {
        "generation": {"deterministic": True, "with-security-parameters": False},
        "checks": {
            # Numbers, dates, passwords and cursors have rules that a schema cannot say: 400 is a right answer to them.
            "positive_data_acceptance": {"enabled": False},
            "negative_data_rejection": {
                "expected-statuses": ["400", "403", "404", "405", "409", "413", "415", "423"]
            },
        },
    }
)


class Door:
    """The WSGI application of the moment: first one that can only describe itself, then one with a vault behind it."""

    def __init__(self) -> None:
        runtime = Runtime(
            test_settings(Path()), make_engine("sqlite://"), None, MemoryStore(), RecordingBell()
        )
        self.app = create_app(runtime)

    def __call__(self, environ, start_response):
        return self.app(environ, start_response)


DOOR = Door()
API = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", DOOR, config=CONFIG)


@pytest.fixture(scope="module")
def moment(world: World, tmp_path_factory: pytest.TempPathFactory) -> Moment:
    """The vault, which is behind the door now, before anything was asked."""
    DOOR.app = world.app
    return world.moment(tmp_path_factory.mktemp("moment"))


@pytest.fixture(autouse=True)
def fresh(moment: Moment) -> None:
    moment.put_back()


@schemathesis.check
def status_is_listed(ctx, response, case) -> None:
    """`default` stands for what may befall any request (5xx); a refusal of this request has its status in the list."""
    if case.method.upper() == case.operation.method.upper():
        assert str(response.status_code) in case.operation.definition.raw["responses"]


def lead_somewhere(case, world: World) -> None:
    """Random ids lead nowhere: put real ones in their place, own and foreign, where nothing is wrong with them."""
    if case.meta is None or not case.meta.is_negative_at(ParameterLocation.PATH):
        for name, value in (case.path_parameters or {}).items():
            case.path_parameters[name] = value if name == PLACE else world.instead(name, value)
    if isinstance(case.body, dict) and not case.meta.is_negative_at(ParameterLocation.BODY):
        for name, value in case.body.items():
            if name in ("bundle", "person", "office") and value is not None:
                case.body[name] = world.instead(name, value)
            elif name == "documents" and value:
                case.body[name] = [world.instead(name, each) for each in value]


@API.auth(refresh_interval=None)
class Cookie:
    """Says that every request has a session; whose, `ask` knows when the vault is there."""

    def get(self, case, context):
        return "to come"

    def set(self, case, data, context):
        case.cookies = {**(case.cookies or {}), PLAIN_COOKIE: data}


def ask(case, world: World) -> None:
    """Send it with a live session and check the answer against the description."""
    lead_somewhere(case, world)
    case.headers.pop(HEADER, None)  # keys are remembered: random requests would meet each other's
    if PLAIN_COOKIE in (case.cookies or {}):
        is_signing_out = case.operation.label == SIGN_OUT
        case.cookies[PLAIN_COOKIE] = cookie_of(world.make.actor()) if is_signing_out else world.cookie
    case.call_and_validate()


@API.parametrize()
@settings(max_examples=EXAMPLES, **ROUNDS)
def test_the_api_is_as_described(case, world):
    ask(case, world)
