"""On what terms documents may leave: asked whenever a link is made, of the organisation, the case and what is lent.

A valid agreement of the office permits the purpose and every type, or a controller has made an exception; the country is
neither the case's of origin nor its asylum's, or a controller allowed it; an RRF has a declaration of its own version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from vault.bundles.document_types import DOCUMENT_TYPES
from vault.bundles.models import Bundle, Document
from vault.cases.models import Case
from vault.db import for_change
from vault.errors import Fault, Invalid, Refused
from vault.runtime import refusal_about
from vault.shares.declarations import FORM, asks_declaration, is_declared
from vault.shares.models import Agreement, Organisation, Share, SharedDocument
from vault.shares.purposes import AGREEABLE, PURPOSES
from vault.shares.term_models import AGREEMENT, DECLARATION, DESTINATION, DisclosureException

if TYPE_CHECKING:
    from vault.runtime import Transaction

ORGANISATION = "/recipient/organisation"
UNKNOWN = (
    "No organisation has this name. Choose one of the list; a supervisor or the Personal Data Controller adds"
    " others, under Links, Organisations."
)
OWN_COUNTRY = (
    "This organisation's country is the case's country of origin or of asylum. Only the Personal Data Controller"
    " can allow that, on the case's page, Exceptions."
)
NO_AGREEMENT = (
    "Your office has no agreement with this organisation that holds today. A supervisor or the Personal Data"
    " Controller records one; the Controller can make an exception."
)
OTHER_PURPOSE = "No agreement of your office with this organisation permits this purpose."
OTHER_TYPES = "No agreement of your office with this organisation permits this for: {types}."
NOT_TOGETHER = "No single agreement permits all of these types. Make a link for each agreement."
NOT_DECLARED = (
    "The Resettlement Registration Form has no signed declaration for this very version. Somebody who may change"
    " documents says which one it is, on the form's page, Declaration."
)

WAS_FORM = (
    "One of these was a Resettlement Registration Form before its type was changed, and has no signed declaration for this"
    " very version. Bind one on its page, Declaration, or ask the Personal Data Controller for an exception."
)


@dataclass(frozen=True)
class Terms:
    """Why documents may go to this organisation: an agreement, or exceptions instead of what a rule asks."""

    organisation: Organisation
    agreement: Agreement | None
    exceptions: tuple[DisclosureException, ...]


def require_terms(
    tx: Transaction, bundle: Bundle, organisation_name: str, purpose: str, documents: Sequence[Document]
) -> Terms:
    """The terms under which these documents may leave now; the organisation is held until the commit.

    `Invalid`, with the field that is in the way: it is a refusal of policy, and stands in the log.
    """
    organisation = _organisation(tx, bundle, organisation_name)
    if purpose not in PURPOSES:
        raise _against(bundle, "purpose", "/purpose", "Choose one of the list.")
    allowed = _exceptions(tx, bundle, organisation)
    used = []
    case = tx.session.get_one(Case, bundle.case_id)
    if _is_own_country(case, organisation):
        if DESTINATION not in allowed:
            raise _against(bundle, "own-country", ORGANISATION, OWN_COUNTRY)
        used.append(allowed[DESTINATION])
    agreement = None
    if (fault := _lacks(tx, bundle, organisation, purpose, documents)) is None:
        agreement = _permitting(tx, bundle, organisation, purpose, documents)
    elif AGREEMENT in allowed:
        used.append(allowed[AGREEMENT])
    else:
        raise _against(bundle, "agreement", *fault)
    used += _declared(tx, bundle, documents, allowed)
    return Terms(organisation, agreement, tuple(used))


def require_standing(tx: Transaction, share: Share) -> None:
    """Organisation, person, agreement or exceptions, declarations: what the link was made on still holds; else `Refused`."""
    recipient, organisation = share.recipient, share.recipient.organisation
    if organisation.ended_at is not None or recipient.ended_at is not None:
        raise _over(share, "recipient", "Nothing goes to this person or organisation any more.")
    allowed = _exceptions(tx, share, organisation)
    agreement = tx.session.get(Agreement, share.agreement_id) if share.agreement_id else None
    if AGREEMENT not in allowed and (agreement is None or not agreement.is_valid_on(tx.now.date())):
        message = "The agreement or exception that this link was made under holds no more. Make a new link."
        raise _over(share, "agreement", message)
    case = tx.session.get_one(Case, share.case_id)
    if _is_own_country(case, organisation) and DESTINATION not in allowed:
        raise _over(share, "own-country", OWN_COUNTRY)
    if not all(_stands(tx, lent, allowed) for lent in share.documents):
        message = "The declaration or exception that this link was made with holds no more. Make a new link."
        raise _over(share, "declaration", message)


def agreements_with(tx: Transaction, office_id: UUID, organisation_id: UUID) -> list[Agreement]:
    """The office's agreements with the organisation that hold today, newest first."""
    query = select(Agreement).where(
        Agreement.office_id == office_id, Agreement.organisation_id == organisation_id
    )
    found = tx.session.scalars(query.order_by(Agreement.begins_on.desc(), Agreement.id))
    return [each for each in found if each.is_valid_on(tx.now.date())]


def _organisation(tx: Transaction, bundle: Bundle, name: str) -> Organisation:
    query = select(Organisation).where(Organisation.name == name)
    found = tx.session.scalars(
        query.with_for_update(**for_change(Organisation)), execution_options={"populate_existing": True}
    ).one_or_none()
    if found is None:
        raise _against(bundle, "organisation", ORGANISATION, UNKNOWN)
    if found.ended_at is not None:
        raise _against(bundle, "organisation", ORGANISATION, "Nothing goes to this organisation any more.")
    if found.country is None:
        message = "The country of this organisation is not recorded. A supervisor records it first."
        raise _against(bundle, "organisation", ORGANISATION, message)
    return found


def _is_own_country(case: Case, organisation: Organisation) -> bool:
    return organisation.country in {*case.origin_countries, case.asylum_country}


def _exceptions(
    tx: Transaction, about: Bundle | Share, organisation: Organisation
) -> dict[str, DisclosureException]:
    """Those that hold now, of others (nobody lets themselves pass), for people: the longest of each kind.

    Whoever made an exception may hold a service's token, so a service passes none.
    """
    if tx.actor.is_service:
        return {}
    query = select(DisclosureException).where(
        DisclosureException.case_id == about.case_id,
        DisclosureException.office_id == about.office_id,
        DisclosureException.organisation_id == organisation.id,
        DisclosureException.made_by_id != tx.actor.id,
    )
    found = tx.session.scalars(query.order_by(DisclosureException.expires_at))
    return {each.kind: each for each in found if each.is_valid(tx.now)}


def _lacks(
    tx: Transaction, bundle: Bundle, organisation: Organisation, purpose: str, documents: Sequence[Document]
) -> tuple[str, str] | None:
    """What keeps the agreements from permitting this, as a field and a sentence; None when one does."""
    if _permitting(tx, bundle, organisation, purpose, documents) is not None:
        return None
    found = agreements_with(tx, bundle.office_id, organisation.id)
    if not found:
        return ORGANISATION, NO_AGREEMENT
    fitting = [each for each in found if purpose in each.purposes and purpose in AGREEABLE]
    if not fitting:
        return "/purpose", OTHER_PURPOSE
    permitted = max((set(each.document_types) for each in fitting), key=len)
    beyond = {each.document_type for each in documents} - permitted
    names = ", ".join(sorted(DOCUMENT_TYPES[code].name for code in beyond))
    return "/documents", OTHER_TYPES.format(types=names) if names else NOT_TOGETHER


def _permitting(
    tx: Transaction, bundle: Bundle, organisation: Organisation, purpose: str, documents: Sequence[Document]
) -> Agreement | None:
    types = {each.document_type for each in documents}
    for each in agreements_with(tx, bundle.office_id, organisation.id):
        if purpose in AGREEABLE and purpose in each.purposes and types <= set(each.document_types):
            return each
    return None


def _declared(
    tx: Transaction,
    bundle: Bundle,
    documents: Sequence[Document],
    allowed: Mapping[str, DisclosureException],
) -> list[DisclosureException]:
    """Every form is declared; the exception for those that were forms, where one is needed. Else `Invalid`."""
    missing = [each for each in documents if asks_declaration(each) and not is_declared(tx, each)]
    if any(each.document_type == FORM for each in missing):
        raise _against(bundle, "declaration", "/documents", NOT_DECLARED)
    if missing and DECLARATION not in allowed:
        raise _against(bundle, "declaration", "/documents", WAS_FORM)
    return [allowed[DECLARATION]] if missing else []


def _stands(tx: Transaction, lent: SharedDocument, allowed: Mapping[str, DisclosureException]) -> bool:
    """Whether what was lent is no form, or is one with its declaration, or was one and may leave without."""
    document = tx.session.get_one(Document, lent.document_id)
    if not asks_declaration(document) or is_declared(tx, document, lent.version_id):
        return True
    return document.document_type != FORM and DECLARATION in allowed


def _against(bundle: Bundle, reason: str, pointer: str, message: str) -> Invalid:
    refusal = refusal_about(bundle, "access.refused", permission="share.create", reason=reason)
    return Invalid("The link was not made.", errors=[Fault(pointer, message)], refusal=refusal)


def _over(share: Share, reason: str, message: str) -> Refused:
    refusal = refusal_about(share, "access.refused", permission="share.extend", reason=reason)
    return Refused(message, refusal=refusal)
