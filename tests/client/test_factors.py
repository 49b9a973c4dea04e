"""The commands of the client sign in with a second factor: the code is asked for, and without anybody to ask they say so."""

from itertools import count

import pytest

from tests.factory import PASSWORD
from vault.client.line import Line
from vault.client.session import Session
from vault.errors import Refused

NUMBERS = count(1)


@pytest.fixture
def holder(place):
    """The user name of somebody with an authenticator app, and the app."""
    name = f"holder{next(NUMBERS)}"
    return name, place.make.app(place.make.actor(place.make.person(username=name)))


def test_a_code_is_asked_for_and_the_session_is_whole(place, holder):
    session = Session(Line(place.url), holder[0], PASSWORD, ask_code=lambda: holder[1].code())
    assert session.call("GET", "/api/v1/cases")["items"]
    session.sign_out()


@pytest.mark.parametrize(("code", "words"), [("000000", "does not fit"), (None, "nobody is here")])
def test_without_the_right_code_there_is_no_session(place, holder, code, words):
    session = Session(Line(place.url), holder[0], PASSWORD, ask_code=lambda: code)
    with pytest.raises(Refused, match=words):
        session.sign_in()
    session.sign_out()
