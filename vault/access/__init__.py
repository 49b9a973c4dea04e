"""Who may do what: actors, principals and their keys, grants, the one permission rule, and remarks.

A *permission* is policy: one SQL expression, `policy.permits`. A *grant* is cryptography: the bundle's access key sealed
to one principal. Both walls stand before every byte: without the grant nothing opens, whatever the policy says.
Rows of other rooms are known here only by the columns they declare: `office_id`, `case_id`, `bundle_id`, `tier`,
`owner_id`, `withdrawn_at`.
"""
