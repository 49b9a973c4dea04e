"""Transfers: bytes in and bytes out.

An upload is encrypted while it is read; plaintext never touches disk. It begins (slot, file key, object opened), is
appended to, and *completes* to a sealed version, or is *dropped* and leaves nothing. Reading verifies before it sends.
An export turns the stored object into an ordinary age file for named recipients: an event, and a row in the inventory
of copies.
"""
