"""Cryptography as docs/format.md describes it: bytes in, bytes out. The only importer of `cryptography`.

A *lock* keeps a key or a text under a people half and a machine half (lock, locks). A *grant* seals a key to
a principal (identity, grant). A *mark* proves something without hiding it (marks). An *object* is an age v1
file (header, payload). Passwords become keys in `passwords`, signatures are in `signature`. What does not
verify raises `Tampered`.
"""
