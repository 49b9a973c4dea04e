"""Words on top of pages: short confirmations after something was done, carried by `?notice=<code>` so that no session is
needed; and the warning to administrators while lost passwords mean lost cases."""

from __future__ import annotations

from flask import Flask, request

from vault.access.actor import Role
from vault.people.seating import offices_without_pair
from vault.web.acting import actor, reading
from vault.web.locale import gettext
from vault.web.locale import message as _

NOTICES = {
    "signed-out": _("You are signed out."),
    "session-ended": _("You are signed out: your session has ended. What was stored is safe."),
    "saved": _("Saved."),
    "enrolled": _("You are enrolled and signed in. Note your user name: you need it the next time."),
    "stored": _("Stored safely."),
    "upload-stopped": _("The upload is stopped. Nothing of it was stored."),
    "locked": _("The bundle is locked again."),
    "unlocked": _("The bundle is open."),
    "member-added": _("The colleague is a member now."),
    "member-removed": _("The colleague is no longer a member."),
    "password-changed": _("The password is changed. All other sessions were ended."),
    "bundle-password-changed": _("The bundle's password is changed."),
    "rekeyed": _("The bundle has a new key. Its links and unfinished uploads have ended."),
    "withdrawn": _("The document is withdrawn, and its links have ended."),
    "moved": _("The document is moved, and its links have ended."),
    "handed-over": _("What was open is handed over. What is still listed waits."),
    "lent": _("The document is lent."),
    "loan-revoked": _("The loan is revoked. The colleague can no longer open the document."),
    "revoked": _("The link is revoked. Nobody can open it any more."),
    "link-mailed": _("The link is sent to the recipient."),
    "extended": _("The link lives longer now."),
    "resumed": _("The link works again."),
    "request-ended": _("The file request has ended. What has arrived stays."),
    "sign-in-locked": _("Sign-in is locked, and all sessions have ended."),
    "sign-in-unlocked": _("Sign-in is possible again."),
    "left": _("Recorded. This person can no longer sign in."),
    "roles-changed": _("The roles are changed."),
    "token-revoked": _("The token is revoked. It opens nothing any more."),
    "ended": _("The session has ended."),
    "factor-added": _("The second factor is added. All other sessions were ended."),
    "factor-removed": _("The second factor is removed. All other sessions were ended."),
    "factors-reset": _("The second factors are reset, and all sessions have ended."),
    "desk-tested": _("The test is passed."),
    "desk-seated": _("The colleague sits at this desk now."),
    "desk-unseated": _("The colleague sits at this desk no more."),
    "desk-ended": _("The desk has ended. Until another pair counts, nothing recovers a bundle."),
    "recovery-requested": _("Both desks are asked. The members of the bundle see it."),
    "recovery-released": _("Released. The officer of the other desk can go on."),
    "recovery-completed": _("Done. Both officers stand in the log."),
    "recovery-ended": _("The recovery is ended."),
    "recovery-reviewed": _("The review is recorded."),
    "clock-confirmed": _("The clock is confirmed."),
    "backup-gone": _("The backup counts as destroyed."),
}


def notice() -> str:
    """The sentence of this request's notice, or nothing; unknown codes say nothing."""
    return gettext(NOTICES.get(request.args.get("notice", ""), ""))


def offices_without_recovery() -> list[str]:
    """For administrators: the offices where a lost password means a lost case. Nothing for everybody else."""
    if not actor().has(Role.ADMINISTRATOR):
        return []
    with reading() as tx:
        return [office.name for office in offices_without_pair(tx)]


def install(app: Flask) -> None:
    """Give templates `notice()` and `offices_without_recovery()`."""
    app.add_template_global(notice)
    app.add_template_global(offices_without_recovery)
