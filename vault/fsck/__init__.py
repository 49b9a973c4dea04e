"""`casevault fsck`: whether the vault keeps what it promises, one small checker for each invariant K1 to K7 and I1 to I10.

Nothing is changed, repaired or swept. Tables, slots and objects are walked in short looks, page by page in the order of
their ids, so that memory does not grow with the vault and nobody waits. What looks wrong is looked at once more at the end:
what a running vault was just changing is no finding.
"""
