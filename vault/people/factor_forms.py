"""What may be asked about second factors."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from vault.people.forms import Form

Code = Annotated[str, Field(min_length=1, max_length=40)]
Signed = Annotated[str, Field(min_length=1, max_length=20_000)]
Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]


class FactorProof(Form):
    """A code of an authenticator app or a recovery code; or what a passkey signed, and the question that it answers."""

    code: Code | None = Field(default=None, repr=False)
    passkey: Signed | None = Field(default=None, repr=False)
    question: UUID | None = None


class FactorProofForm(FactorProof):
    """The same from the page, with the way on."""

    next: Annotated[str, Field(max_length=2000)] | None = None


class StepUpAnswer(Form):
    """One proof for one act; the password is for those who hold no second factor."""

    code: Code | None = Field(default=None, repr=False)
    passkey: Signed | None = Field(default=None, repr=False)
    password: Annotated[str, Field(min_length=1, max_length=1024)] | None = Field(default=None, repr=False)


class NewFactor(Form):
    """A factor to be added, and what its owner calls it."""

    kind: Literal["totp", "passkey"]
    name: Label


class FirstProof(Form):
    """The first code of an app, or the passkey that the browser made."""

    code: Code | None = Field(default=None, repr=False)
    passkey: Signed | None = Field(default=None, repr=False)
