"""Share links: some files of one bundle, lent to one recipient, for a while.

A share is *live* until it expires or is revoked; while it is live and has openings left, a new visitor may open it, and
whoever opened it may come back to that opening for a while. Then its slot is destroyed and it never returns. Opening
needs no account: the link's secret, a code that is e-mailed to its recipient, and the link's password, as it asks.

A *loan* lends one document to one colleague, an interpreter above all: its key is granted to the borrower instead of
coming from a secret, and everything else is as with a link.
"""
