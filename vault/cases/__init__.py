"""Cases: the proGres reference of a file. Numbers, stage, individuals by number; never a name.

`stage` is proGres's word as last reconciled; `state` is ours: active, closed, archiving, archived, transferred.
Of each individual the outcome is recorded: final ones let the case be closed (`vault/archive`).
Colleagues of the office see its cases; caseworkers and supervisors make and change them. Search by number is a POST, so
that no number reaches a URL or a log.
"""
