"""Measurements of transfers and servers. Nothing of the product imports this; `bench/README.md` says how to run it."""
