"""Disposal of recordings and temporary copies: two people sign a list, it cools off, and nothing is left to read.

`models` has the tables, `lists` what is signed, `signing` who signs, `ending` how a list ends without anything happening,
`deciding` what else is decided in a review. `destroying` is done by the worker that has the keystore, `removing` by the one
that has the objects. Permanent records are never on a list: the database refuses them, too.
"""
