from collections.abc import Callable

import pytest

from tests.factory import PASSWORD
from vault.access.actor import STRANGER, Actor
from vault.people.sessions import SignedIn, authenticate
from vault.people.sign_in import Attempt, Try, sign_in, take_attempt


@pytest.fixture
def enter(runtime) -> Callable[..., SignedIn]:
    """`enter("amal", address="192.0.2.7")` signs in with the usual password."""

    def go(username: str, password: str = PASSWORD, **more) -> SignedIn:
        return sign_in(runtime, Attempt(username, password, **more))

    return go


@pytest.fixture
def attempt(runtime) -> Callable[..., Try]:
    """Counts one try, as every sign-in does before it looks at the password; nothing is hashed."""

    def go(username: str, address: str = "192.0.2.7", device_cookie: str | None = None) -> Try:
        with runtime.transaction(STRANGER) as tx:
            return take_attempt(tx, Attempt(username, "wrong", address, device_cookie))

    return go


@pytest.fixture
def recognise(runtime) -> Callable[[str | None], Actor | None]:
    """Whose live session a cookie proves now."""

    def go(cookie: str | None) -> Actor | None:
        with runtime.reading(STRANGER) as tx:
            proved = authenticate(tx.session, tx.keystore, cookie, tx.now, tx.settings)
        return proved.actor if proved else None

    return go
