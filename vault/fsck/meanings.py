"""What each finding means, and what to do about it: one line each, as the command and the manual tell it."""

from __future__ import annotations

from typing import NamedTuple


class Meaning(NamedTuple):
    """Two lines for people."""

    means: str
    do: str


RESTORE = "Keep everything as it is, and compare with the last backup of the database."
TAMPERED = "Somebody wrote to the database: find out who, and treat it as an incident."
MEANINGS = {
    "key_not_locked": Meaning("A column that holds a locked key holds something else.", TAMPERED),
    "slot_of_another": Meaning("A row names a slot that was made for another thing.", TAMPERED),
    "head_of_another": Meaning(
        "A version's head does not point at this version, so that it cannot be read.", RESTORE
    ),
    "header_not_in_inventory": Meaning(
        "A header for a package has no line of its own in the inventory of copies.", TAMPERED
    ),
    "header_of_disposable": Meaning(
        "A header for a package was minted for something that may be disposed of.", TAMPERED
    ),
    "slot_does_not_open": Meaning(
        "The lock of a living slot does not open: what needs it is lost here.",
        "Restore the keystore from its second copy or a backup.",
    ),
    "slot_changed": Meaning(
        "A slot is not the one that its key was made with, or that key was exchanged.", TAMPERED
    ),
    "died_unordered": Meaning(
        "A slot is dead and no row ordered its end.",
        "Treat it as an incident: somebody wrote to the keystore, or the database is older than it.",
    ),
    "slot_unnamed": Meaning(
        "A living slot belongs to nothing: a crash may have left it.",
        "Nothing. After a restore it may be of something that was lost with the database.",
    ),
    "object_unnamed": Meaning(
        "An object belongs to nothing: an act that was broken off may have left it.",
        "Nothing. It is never removed by itself.",
    ),
    "partial_unnamed": Meaning(
        "An unfinished object belongs to nothing.",
        "Nothing. The daily sweep of the store removes what it knows to be left over.",
    ),
    "key_used_twice": Meaning(
        "Two files have one nonce, so that one key may have encrypted two contents.",
        "Withdraw the newer one and store it anew; give the bundle a new key.",
    ),
    "payload_twice": Meaning(
        "Two versions have one ciphertext: an object was copied in the place of another.", TAMPERED
    ),
    "act_of_a_worker": Meaning(
        "The log tells of a worker that did what takes a person.",
        "Treat it as an incident: a process has keys that it must not have.",
    ),
    "content_differs": Meaning(
        "An object is not what was stored.",
        "Put it back from a backup of the objects, then run: casevault fixity run --deep",
    ),
    "acknowledged_lost": Meaning(
        "Of an unfinished upload less is stored than its sender was told.",
        "Have it sent again from the beginning.",
    ),
    "digest_differs": Meaning(
        "A version's digest is not the one that the log tells of its deposit.", TAMPERED
    ),
    "package_differs": Meaning(
        "A copy of a package is not what was written.",
        "Run: casevault fixity run --deep. It is made anew from another copy.",
    ),
    "package_missing": Meaning(
        "A copy of a package is not there, or its archive does not answer.",
        "Look after the archive, then run: casevault fixity run --deep",
    ),
    "object_missing": Meaning(
        "A row names an object that is not there.",
        "Put it back from a backup of the objects, then run: casevault fixity run",
    ),
    "file_unnamed": Meaning(
        "An object of a file belongs to no row: its row is lost, or somebody put it there.", RESTORE
    ),
    "slot_dead": Meaning(
        "A stored file has no living slot, so that nobody can read it, and nobody removed it.",
        "Restore the keystore from its second copy or a backup.",
    ),
    "half_removed": Meaning(
        "Of a removed file something is left, or more is gone than was said.",
        "Let the worker run; if it stays, treat it as an incident.",
    ),
    "removal_stands_still": Meaning(
        "A removal or disposal has begun and does not go on.",
        "Look at the page of the case or list, and at: casevault jobs list",
    ),
    "log_broken": Meaning("The log is not whole, or was rewritten.", "Run: casevault audit verify"),
    "log_undecided": Meaning("Whether the log is whole could not be told.", "Run: casevault audit verify"),
    "not_one_entry": Meaning(
        "Something was made or changed, and the log does not tell of it just once.", TAMPERED
    ),
    "entry_without_row": Meaning("The log tells of something that is not there.", RESTORE),
    "opened_too_often": Meaning(
        "A link was opened more often than allowed, or counts of it disagree.",
        "Revoke the link, and look at its openings.",
    ),
    "sent_too_much": Meaning(
        "A file request took more than it asked for.", "End the request, and look at what came."
    ),
    "bundle_slot_dead": Meaning(
        "A bundle has no living slot: nobody can open it.",
        "Restore the keystore from its second copy or a backup.",
    ),
    "nobody_opens": Meaning(
        "Nobody who is here can open a bundle, and no recovery desks can.",
        "If a copy of the holder's key is kept, restore it; else the bundle is lost.",
    ),
    "grant_of_old_key": Meaning(
        "A grant is of another generation than its bundle.",
        "Have a member open the bundle and add the person anew.",
    ),
    "version_under_old_key": Meaning("A file lies under another key than its bundle.", RESTORE),
    "ended_but_opens": Meaning(
        "Something has ended and its slot lives without an order to end it.", TAMPERED
    ),
    "session_of_leaver": Meaning("A session of somebody who has left is open.", "Run: casevault user lock"),
    "opened_after_end": Meaning(
        "A link was opened after its end.", "Treat it as an incident: tell the office whose link it is."
    ),
    "served_after_end": Meaning(
        "Something was served by a link after its end.",
        "Treat it as an incident: tell the office whose link it is.",
    ),
    "secret_in_log": Meaning(
        "An entry of the log holds what is written like a secret.",
        "Change that secret now: the log cannot be erased.",
    ),
    "secret_in_job": Meaning(
        "A job holds what is written like a secret.", "Change that secret, and report the fault."
    ),
    "secret_in_message": Meaning(
        "A mail or message on disk holds what is written like a secret.",
        "Remove the file, change that secret, and report the fault.",
    ),
    "text_not_locked": Meaning("A column that holds a locked text or key holds something else.", TAMPERED),
    "plain_file": Meaning(
        "A file beside the vault begins like a document or recording.",
        "Find out who put it there, and erase it.",
    ),
    "core_file": Meaning(
        "A process left its memory on the disk.", "Erase the file, and switch core dumps off."
    ),
    "certificate_missing": Meaning(
        "A removal is certified and has no provisional certificate, or more than one.", RESTORE
    ),
    "certificate_of_nothing": Meaning("A certificate is of no removal that was carried out.", TAMPERED),
    "certificate_changed": Meaning(
        "A certificate is not what was signed, or not what was removed; or a final one is not that of its provisional one.",
        TAMPERED,
    ),
    "certificate_gap": Meaning("Before a certificate a number is missing.", RESTORE),
    "certified_but_there": Meaning(
        "A certificate says that a file is gone, and something of it is there.",
        "Treat it as an incident: the certificate is not true.",
    ),
    "ledger_damaged": Meaning(
        "An entry of the ledger is damaged.", "Put it back from a backup of the objects."
    ),
    "end_forgotten": Meaning(
        "The ledger tells of an end that keystore or database have forgotten.", "Run: casevault restore"
    ),
    "end_not_in_ledger": Meaning(
        "A slot is dead and the ledger does not tell of it: an old keystore would bring it back.",
        "Put the ledger back from a backup of the objects.",
    ),
    "end_unfinished": Meaning(
        "The end of a slot was ordered more than an hour ago.",
        "Let the worker run, or run: casevault jobs sweep",
    ),
    "slot_unknown": Meaning(
        "A row names a slot that the keystore does not know.",
        "Restore the keystore from its second copy or a backup.",
    ),
    "not_in_second_copy": Meaning(
        "A living slot is not in the second copy.",
        "Move the second copy aside and start anew: it is filled again.",
    ),
    "dead_in_second_copy": Meaning(
        "The second copy holds a slot that is dead or unknown.", "Run: casevault restore"
    ),
    "restore_unfinished": Meaning("Backups are half put back.", "Run the same casevault restore again."),
}
LEFT_OVER = frozenset({"slot_unnamed", "object_unnamed", "partial_unnamed"})
"""What is told and is no finding."""
