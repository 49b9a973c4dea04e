"""The object store: write-once objects under opaque names, and the partials that grow into them.

An object appears whole or not at all, never changes, and goes only by `delete`. A *partial* is what an upload
has written so far: it has a size, it grows at its end, and no listing of objects shows it. The store knows no
keys and sees only ciphertext. `base` says what a store is; `disk`, `memory` and `s3` are three; one suite tests all.
`archive` says what it is where packages are kept: in a bucket (`s3.retention`) or a folder (`disk_archive`).
"""
