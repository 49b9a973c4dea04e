"""Backups: of the database with the list of objects, and apart from them of the keystore.

A backup is a folder that appears whole or not at all. Its manifest names every file with its SHA-256 and tells where the
log ended; it is signed by the checkpoint key, which is a slot. Backups of the database may be kept for as long as one
likes. One of the keystore is entered there before its first byte and lives 30 days at most: while it does, a slot that
was destroyed since can be put back. What expires and can be reached is deleted; of the rest an administrator says that
it was destroyed. A drill tries backups beside the vault and opens nothing to anybody.
"""
