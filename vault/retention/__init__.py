"""Retention: how long each kind of document is kept, from when on, by whose authority; what is due; what is on hold.

Every document has one class, by its type; the office's controller proposes what a class says, and the records authority
approves it. A version of a class, once approved, stands until the next one. Permanent records are transferred or reviewed;
only recordings and temporary copies may ever be destroyed, and recordings have no period until the office chooses one.
A daily scan records what is due and does nothing else: no timer destroys. Holds (rows of `access`) stop whatever cannot be
undone, on a document, a bundle, a case or a class.
"""
