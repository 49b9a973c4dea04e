"""Need to know: an office's access matrix, clearances, and what decides about one person and one document.

The rule itself is `access.policy`; here the Personal Data Controller of an office changes what it asks: one cell at a time
(role × document type × tier), from a time on, within what `MATRIX` gives the role; and who is cleared for what is strictly
confidential. What widens or narrows the strictly confidential needs a second person: another controller, or a supervisor
where there is only one. A cell is proposed → settled → in force → over; a clearance is proposed → in force → ended; both may
be taken back, and lapse when nobody approves in time. Everybody of the office may read the matrix.
"""
