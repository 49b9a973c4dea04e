"""Pages and API of people, thinly: once as HTML, once as JSON."""

from vault.access.actor import Role


def test_every_page_is_shown(client, make):
    make.person(Role.ADMINISTRATOR, username="root")
    r = client.get("/sign-in")
    print(r.status, r.text)
    assert r.status_code == 200
