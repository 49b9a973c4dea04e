"""Which mode a link gets: as it is wanted, never looser than the rules say, and fit for everything that it lends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.errors import Fault, Invalid
from vault.inspection.formats import shown
from vault.runtime import refusal_about
from vault.shares.declarations import current_version
from vault.shares.modes import DOWNLOAD, MODES, VIEW_ONLY, WATERMARKED, strictest, way_of
from vault.shares.policies import limits_for

if TYPE_CHECKING:
    from vault.runtime import Transaction
    from vault.shares.service import Prepared

REQUIRED = {
    WATERMARKED: "Your office lends such documents with a watermark, or to be looked at only.",
    VIEW_ONLY: "Your office lends such documents to be looked at only.",
}
UNFIT = {
    WATERMARKED: (
        "With a watermark these cannot be sent: {titles}. PDFs of up to 64 MB are stamped, pictures and recordings are"
        " shown. Print them to a PDF, in parts where it is larger, and send that."
    ),
    VIEW_ONLY: (
        "These cannot be shown without being downloaded: {titles}. PDFs, pictures and recordings can be. Print them to a"
        " PDF and send that."
    ),
}
MOST_NAMED = 5


def mode_for(tx: Transaction, prepared: Prepared, wanted: str | None) -> str:
    """The mode that is wanted, or without one the loosest that the rules allow for each tier in it. `Invalid` for a looser
    one, which stands in the log, and when one of the documents cannot be handed over so."""
    bundle, organisation = prepared.bundle, prepared.terms.organisation
    tiers = {each.highest_tier for each in prepared.documents}
    least = strictest(*(limits_for(tx, bundle.office_id, tier, organisation.id).mode for tier in tiers))
    mode = wanted or least
    if mode not in MODES:
        raise _unfit("/mode", "Choose one of the list.")
    if MODES.index(mode) < MODES.index(least):
        refusal = refusal_about(bundle, "access.refused", permission="share.create", reason="mode")
        raise Invalid("The link was not made.", errors=[Fault("/mode", REQUIRED[least])], refusal=refusal)
    if mode != DOWNLOAD and (titles := _unfit_titles(tx, prepared, mode)):
        raise _unfit("/documents", UNFIT[mode].format(titles=", ".join(titles)))
    return mode


def _unfit_titles(tx: Transaction, prepared: Prepared, mode: str) -> list[str]:
    """The titles of those that cannot be handed over so, the first few of them."""
    titles = []
    for document in prepared.documents:
        version = current_version(tx, document)
        if way_of(mode, version.extension, version.media_type, version.length) is None:
            titles.append(shown(prepared.opened.title_of(document), 80))
    return titles if len(titles) <= MOST_NAMED else [*titles[:MOST_NAMED], "…"]


def _unfit(pointer: str, message: str) -> Invalid:
    return Invalid("The link was not made.", errors=[Fault(pointer, message)])
