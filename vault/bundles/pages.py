"""What is shown of bundles and of cases with their bundles, to pages and to the API alike."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel

from vault.access.policy import Permission
from vault.bundles.dissolving import held_by_team
from vault.bundles.document_pages import FileRow, file_rows
from vault.bundles.members import (
    Member,
    MemberTeam,
    list_member_teams,
    list_members,
    possible_members,
    possible_teams,
)
from vault.bundles.models import Bundle
from vault.bundles.opening import open_until
from vault.bundles.queries import REASON_DUE, bundles_of, count_files, look_into
from vault.bundles.recovery_pages import RecoveryNote, can_recover, may_ask, recovery_note
from vault.bundles.token_grants import own_tokens_in
from vault.cases.models import Case
from vault.cases.pages import CasePage, case_page
from vault.people.comparing import has_new_key, words_of

if TYPE_CHECKING:
    from vault.people.models import Team
    from vault.runtime import Transaction


class BundleCard(BaseModel):
    """A bundle: what anybody of the office may know of it, and, where it is open, its title and files.

    `state` is open, locked, damaged or reason_due; `title` and `files` are null unless it is open. `open_until` is null
    for a bundle without a password: it does not close.
    """

    id: UUID
    case_id: UUID
    case_number: str
    tier: str
    state: str
    title: str | None
    documents: int
    recordings: int
    has_password: bool
    is_member: bool
    open_until: datetime | None
    created_at: datetime
    rekey_pending: bool
    is_recoverable: bool
    recovery: RecoveryNote | None
    files: list[FileRow] | None


class BundleList(BaseModel):
    """The bundles of a case."""

    items: list[BundleCard]


class BundlePage(BundleCard):
    """A bundle and what the actor may do with it."""

    members: list[str]
    may_add: bool
    may_share: bool
    may_manage: bool
    may_remove_member: bool
    may_ask_recovery: bool


class CaseFile(CasePage):
    """A case with its bundles."""

    bundles: list[BundleCard]


class MemberRow(BaseModel):
    """A colleague who is, or could be, a member. `fingerprint` is of the public key: six words to compare aloud, which
    must be where `has_new_key`.
    """

    person: UUID
    name: str
    since: datetime | None
    has_new_key: bool
    fingerprint: str


class TeamRow(BaseModel):
    """A team that is, or could be, a member, and the names of those who are in it."""

    team: UUID
    name: str
    since: datetime | None
    people: list[str]


class MembersPage(BaseModel):
    """The members of a bundle, people and teams, and who could become one."""

    bundle_id: UUID
    case_number: str
    title: str | None
    state: str
    rekey_pending: bool
    items: list[MemberRow]
    teams: list[TeamRow]
    possible: list[MemberRow]
    possible_teams: list[TeamRow]
    may_add: bool
    may_remove: bool


class HeldRow(BaseModel):
    """A bundle that is opened to a team, by numbers; `only_by_team`: nobody else could open it."""

    bundle: UUID
    case_number: str
    number: int
    only_by_team: bool


class DissolutionPage(BaseModel):
    """A team that could be dissolved, or was, and what is opened to it."""

    team: UUID
    name: str
    dissolved_at: datetime | None
    items: list[HeldRow]
    may_dissolve: bool


class ReasonPage(BaseModel):
    """A bundle outside one's caseload: the reason that is asked, and where its page leads then.

    `is_due` is false where none is asked, or it was given in this session.
    """

    bundle_id: UUID
    case_id: UUID
    case_number: str
    is_due: bool
    next: str = ""


class BundleToken(BaseModel):
    """One of the actor's own tokens, and whether it may open the bundle."""

    id: UUID
    name: str
    is_granted: bool


class BundleTokens(BaseModel):
    """The actor's own tokens as they stand to a bundle."""

    bundle_id: UUID
    case_number: str
    title: str | None
    has_password: bool
    items: list[BundleToken]


def bundle_card(tx: Transaction, bundle: Bundle) -> BundleCard:
    """The bundle for a list."""
    look, counts = look_into(tx, bundle), count_files(tx, bundle.id)
    opened = look.opened
    return BundleCard(
        id=bundle.id,
        case_id=bundle.case_id,
        case_number=tx.session.get_one(Case, bundle.case_id).number,
        tier=bundle.tier,
        state=look.state,
        title=opened.title if opened else None,
        documents=counts.documents,
        recordings=counts.recordings,
        has_password=bundle.profile is not None,
        is_member=look.state == REASON_DUE or tx.allows(Permission.BUNDLE_OPEN, bundle),
        open_until=open_until(tx, bundle) if opened else None,
        created_at=bundle.created_at,
        rekey_pending=bundle.rekey_pending_at is not None,
        is_recoverable=can_recover(tx, bundle),
        recovery=recovery_note(tx, bundle),
        files=file_rows(tx, opened) if opened else None,
    )


def bundle_list(tx: Transaction, case_id: UUID) -> BundleList:
    """All bundles of a case that the actor may know of."""
    return BundleList(items=[bundle_card(tx, bundle) for bundle in bundles_of(tx, case_id)])


def bundle_page(tx: Transaction, bundle: Bundle) -> BundlePage:
    """The bundle for its own page."""
    return BundlePage(
        **dict(bundle_card(tx, bundle)),
        members=_names(tx, bundle),
        may_add=tx.allows(Permission.DOCUMENT_ADD, bundle),
        may_share=tx.allows(Permission.SHARE_CREATE, bundle),
        may_manage=tx.allows(Permission.BUNDLE_MANAGE, bundle),
        may_remove_member=tx.allows(Permission.MEMBER_REMOVE, bundle),
        may_ask_recovery=may_ask(tx, bundle),
    )


def case_file(tx: Transaction, case: Case) -> CaseFile:
    """The case for its own page."""
    return CaseFile(**dict(case_page(tx, case)), bundles=bundle_list(tx, case.id).items)


def dissolution_page(tx: Transaction, team: Team) -> DissolutionPage:
    """What is opened to the team. Load it with the permission first."""
    items = [
        HeldRow(
            bundle=each.bundle.id,
            case_number=each.case_number,
            number=each.number,
            only_by_team=not each.opens_without,
        )
        for each in held_by_team(tx, team)
    ]
    may = team.dissolved_at is None and not any(each.only_by_team for each in items)
    return DissolutionPage(
        team=team.id, name=team.name, dissolved_at=team.dissolved_at, items=items, may_dissolve=may
    )


def reason_page(tx: Transaction, bundle: Bundle, following: str = "") -> ReasonPage:
    """What is asked about the bundle. Load it with a permission first."""
    return ReasonPage(
        bundle_id=bundle.id,
        case_id=bundle.case_id,
        case_number=tx.session.get_one(Case, bundle.case_id).number,
        is_due=look_into(tx, bundle).state == REASON_DUE,
        next=following,
    )


def members_page(tx: Transaction, bundle: Bundle) -> MembersPage:
    """The members for their page; who could be added is told only to those who may add."""
    look = look_into(tx, bundle)
    may_add = look.opened is not None and tx.allows(Permission.BUNDLE_MANAGE, bundle)
    possible = possible_members(tx, bundle) if may_add else []
    return MembersPage(
        bundle_id=bundle.id,
        case_number=tx.session.get_one(Case, bundle.case_id).number,
        title=look.opened.title if look.opened else None,
        state=look.state,
        rekey_pending=bundle.rekey_pending_at is not None,
        items=[_member_row(tx, member) for member in list_members(tx, bundle)],
        teams=[_team_row(each) for each in list_member_teams(tx, bundle)],
        possible=[_member_row(tx, Member(person, None, None)) for person in possible],
        possible_teams=[_team_row(each) for each in possible_teams(tx, bundle)] if may_add else [],
        may_add=may_add,
        may_remove=tx.allows(Permission.MEMBER_REMOVE, bundle),
    )


def _names(tx: Transaction, bundle: Bundle) -> list[str]:
    """Whom one could ask: members, and those who are in a team that is one. Everybody once."""
    alone = [member.person for member in list_members(tx, bundle)]
    people = alone + [person for each in list_member_teams(tx, bundle) for person in each.people]
    return [person.display_name for person in {person.id: person for person in people}.values()]


def _team_row(found: MemberTeam) -> TeamRow:
    people = [person.display_name for person in found.people]
    return TeamRow(team=found.team.id, name=found.team.name, since=found.since, people=people)


def bundle_tokens(tx: Transaction, bundle: Bundle) -> BundleTokens:
    """The actor's own tokens for the page where they are given the bundle."""
    opened = look_into(tx, bundle).opened
    return BundleTokens(
        bundle_id=bundle.id,
        case_number=tx.session.get_one(Case, bundle.case_id).number,
        title=opened.title if opened else None,
        has_password=bundle.profile is not None,
        items=[
            BundleToken(id=token.id, name=token.name, is_granted=is_granted)
            for token, is_granted in own_tokens_in(tx, bundle)
        ],
    )


def _member_row(tx: Transaction, member: Member) -> MemberRow:
    return MemberRow(
        person=member.person.id,
        name=member.person.display_name,
        since=member.since,
        has_new_key=has_new_key(tx, member.person),
        fingerprint=words_of(member.person),
    )
