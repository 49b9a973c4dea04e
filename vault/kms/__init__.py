"""Key management: the master key that wraps the keystore's epoch keys, and nothing else.

`base` says what a key management is; `keyring` is a local file, `aws` a key at AWS KMS. Every wrapped key is bound to
this deployment and to its epoch, and names the version of the master key that wrapped it. Destroying a version kills
what it wrapped.
"""
