"""Two archive identities for the demo office, so that a case can be closed, archived and brought back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from vault.access.actor import Actor
from vault.archive.identities import confirm_identity, digest_shown, propose_identity
from vault.crypto.identity import age_identity, age_recipient, new_seed, public_key
from vault.errors import StepUpDue
from vault.people.proofs import Answer, prove_step_up
from vault.people.step_up import ask_step_up
from vault.runtime import Runtime, Transaction

HOLDERS = ("Records room, safe 1", "Regional bureau, safe 4")
Done = TypeVar("Done")


def add_identities(runtime: Runtime, controller: Actor, second: Actor, password: str) -> dict[str, str]:
    """One for each safe, proposed by the controller and confirmed by the second person; returns what lies in the safes."""
    secrets = {holder: new_seed() for holder in HOLDERS}
    for holder, seed in secrets.items():
        recipient = age_recipient(public_key(seed))
        propose = partial(propose_identity, recipient=recipient, holder=holder)
        identity = _proved(runtime, controller, password, propose)
        seen = digest_shown(identity)
        confirm = partial(confirm_identity, identity_id=identity.id, seen=seen, compared=True)
        _proved(runtime, second, password, confirm)
    return {holder: age_identity(seed) for holder, seed in secrets.items()}


def _proved(runtime: Runtime, actor: Actor, password: str, act: Callable[[Transaction], Done]) -> Done:
    """What the act gives, once the password has proved who does it."""
    try:
        with runtime.transaction(actor) as tx:
            return act(tx)
    except StepUpDue as due:
        if due.act is None:
            raise
        with runtime.transaction(actor) as tx:
            question = ask_step_up(tx, due.act)
    prove_step_up(runtime, actor, question.id, Answer(password=password))
    with runtime.transaction(actor) as tx:
        return act(tx)
