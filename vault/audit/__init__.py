"""The audit log: everything that happened, in order, for ever.

One append-only Merkle tree (RFC 9162 §2.1) in the main database. Every commit that changes or discloses
something appends its events and moves the head with them, so the act and its trace stand or fall together. An
entry is never changed and never removed: triggers refuse it, and whoever removes the triggers is found by
recomputing the tree. What that cannot find alone, a log cut short or rewritten together with its head, shows
against a root kept elsewhere.

Free text never enters the log, because nothing could take it out again: ids, numbers, digests and codes only.
"""
