"""The numbers that slots and principals carry inside contexts. They never change meaning."""

from enum import IntEnum


class SlotKind(IntEnum):
    """What a machine half belongs to."""

    PRINCIPAL = 1
    BUNDLE = 2
    VERSION = 3
    LINK = 4
    SIGNING = 5
    OFFICE = 6


class PrincipalKind(IntEnum):
    """Who holds a key pair that grants are sealed to."""

    PERSON = 1
    TEAM = 2
    DESK = 3
    TOKEN = 4
    DROP = 5
    ARCHIVE = 6
