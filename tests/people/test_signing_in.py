"""Signing in, sessions and their cookies, through the verbs."""

from vault.access.actor import Role


def test_a_person_with_the_right_password_signs_in(make, trail):
    actor = make.actor(None, Role.SUPERVISOR)

    assert actor.has(Role.SUPERVISOR)
    assert trail()[-2:] == ["person.enrolled", "session.started"]
