"""The archive: what is no longer active, outside the working vault, readable in thirty years without it.

An archival package is one uncompressed tar: a bag (RFC 8493) around an information package (E-ARK CSIP) whose content stays
encrypted. It is made of plain values and stored objects, without a key, and comes out the same to the byte when made again.
"""
