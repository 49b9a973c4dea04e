"""Bundles: password-restricted groups of documents and recordings of one case.

A bundle is *sealed* until a member opens it; with a password it is *open until* it idles or is locked again. Its key
opens with the member's grant, the bundle's slot, and the password if there is one. Members add documents; each document
has versions. A wrong file can be *withdrawn* (hidden from all but uploader, controller and auditor) or *moved* to another
open bundle. There is no delete.
"""
