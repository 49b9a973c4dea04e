"""The keystore: slots, the machine half of every lock, in a database of their own.

A slot is 32 random bytes for one subject. It lies in a slot lock under the *epoch key*, which lies wrapped by the
key management's master key. A slot lives until it is destroyed, and never changes value (K4): whoever needs another
value makes a new slot, switches, and destroys the old one. What a destroyed slot locked is dead in every copy of
everything else.

`service` creates, opens and destroys slots; `epochs` replaces the epoch key; `second_copy` keeps the sealed rows
once more on another disk; `ledger` is the list, in the object store, of what was destroyed; `restoration` finds and
replays what a restored backup forgot; `setup` makes the tables and opens a keystore.
"""
