"""Casevault: a vault for refugee resettlement case files. The house in one page.

Floors; imports point down, and `tests/house` holds them:

    F0 stone  errors, sentences, addresses, amounts, settings; crypto: bytes in, bytes out; the only one that imports
              `cryptography`
    F1 pipes  db, clock, jobs, mail, languages, migrations; store (write-once objects), keystore (slots), kms (the master
              key), inspection (what an untrusted file is)
    F2 frame  access (actors, grants, holds, the one permission rule), audit (the log), slots, stores, rotation, runtime
    F3 rooms  people < cases < bundles < transfers < shares < drops < matrix < archive < retention;
              each knows those before it, and none above
    F4 front  web, the rooms' views and commands, app, cli, assembly; the only one that knows Flask

A room holds models (tables), service (verbs that change or disclose), queries, forms (what may be asked), pages (what is
shown), views, templates. Its `__init__` says what the thing is, which states it has, and who may do what.

A request walks down and back up once. The view parses what was asked, opens a transaction and calls a verb with it; the
verb loads its row together with the permission (`tx.load`), changes it, and records an event (`tx.record`). At the commit
the change, its events, its jobs (`tx.later`) and its destructions (`tx.destroy`) stand or fall together. Then bells ring,
slots die, and `respond` gives the page or the JSON. Bytes stream with no transaction open.

Every lock has a people half (a password, a link's secret) and a machine half (a slot). Locks may be copied anywhere,
slots may not; destroying a slot ends what it locked in every copy of everything else. docs/format.md says how,
docs/README.md leads to the rest.
"""

__version__ = "0.1.0"
