"""The keystore may refuse to end a slot: the row that ordered it says so."""

import sqlalchemy as sa
from alembic import op

from vault.access.hold_guards import hold_guard_statements, hold_lifting_statements

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

TABLE = "destructions"
STATES = ("destroying", "done")


def upgrade() -> None:
    _states((*STATES, "refused"))


def downgrade() -> None:
    """What was refused is forgotten: it destroyed nothing."""
    rows = sa.table(TABLE, sa.column("state", sa.String()))
    op.execute(sa.delete(rows).where(rows.c.state == "refused"))
    _states(STATES)


def _states(states: tuple[str, ...]) -> None:
    connection = op.get_bind()
    name = connection.dialect.name
    for statement in hold_lifting_statements(name):
        connection.exec_driver_sql(statement)
    with op.batch_alter_table(TABLE, schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f(f"ck_{TABLE}_state"), type_="check")
        batch_op.create_check_constraint(batch_op.f(f"ck_{TABLE}_state"), f"state in {states}")
    for statement in hold_guard_statements(name):
        connection.exec_driver_sql(statement)
