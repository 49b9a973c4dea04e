"""People: colleagues with accounts, their offices, sign-in and sessions.

A person is *invited* (a one-time enrolment link), then *active*; sign-in can be *locked* and unlocked again, which ends
the sessions; and a person *leaves* for good, which destroys the slot: whatever was granted opens for nobody any more.
A *team* stands for several of them: what is granted to it once, all its members open. Supervisors and controllers make
teams and take people off; a member who may write adds one.

What colleagues are told stands in one list of *notices*, which every room writes to; it is mailed as each person chose.

Administrators make people, lock, unlock, reset a sign-in (never a key) and record that somebody left. Everybody sees and
ends the own sessions and changes the own password.
"""
