"""The object store: write-once objects under opaque names, and the partials that grow into them.

An object appears whole or not at all, never changes, and goes only by `delete`. A *partial* is what an upload
has written so far: it has a size, it grows at its end, and no listing of objects shows it. The store knows no
keys and sees only ciphertext. `base` says what a store is; `disk` and `memory` are two; one suite tests all.
"""
