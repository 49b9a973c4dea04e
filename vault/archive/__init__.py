"""The archive: what is no longer active, outside the working vault, readable in thirty years without it.

An office has *archive identities*: public keys whose secrets are kept offline, in safes. One is *proposed* by a Personal
Data Controller, *confirmed* by a second person who compared its six words with whoever holds it, and *retired* one day.

A case is *closed* by an archivist, supervisor or controller who has every bundle open. That session checks every seal,
mints an age header for the archive identities for each version of a permanent record (never for recordings and temporary
copies), and encrypts an index of names and digests to them; whatever makes the packages then needs no key. A closed case
is read as before and changed by nobody. It is *reopened* with a reason and a second person; the closing stays as history,
and the next one has the next number.

Then somebody other than the closer *archives* it: its packages are queued, and workers without a key write each into the
archive, read it back and lay a signed receipt beside it. A package is *queued*, *written*, *verified*, *receipted* and
*archived*; with the last one the case is.

Permanent records of an archived case come back by *retrieval*: asked for, approved by a second person, ordered into a
bundle, their keys rewrapped by whoever holds an identity, copied by a worker, and taken in by a member. They are copies for
a while, or the documents of a case that was reopened. What does not come back to one stays in the package that holds it
(`holdings`), and can be asked for again.

A package of permanent records may be handed over to a records repository: *proposed*, *approved* by a second person,
*delivered* as a submission by a worker without a key, and *received* once the repository's receipt fits. With the last
that is due the case is *transferred*; nothing is removed by that.

An archival package is one uncompressed tar: a bag (RFC 8493) around an information package (E-ARK CSIP) whose content stays
encrypted. It is made of plain values and stored objects, without a key, and comes out the same to the byte when made again.
"""
