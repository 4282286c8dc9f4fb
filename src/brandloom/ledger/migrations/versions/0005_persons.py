"""Ids that are one person: merges, each of which can be undone, and who stands for whom"""

import sqlalchemy as sa
from alembic import op

from brandloom.ledger.schema import BigId, Utc

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "merges",
        sa.Column("id", BigId, nullable=False), sa.Column("customer", sa.String(40), nullable=False),
        sa.Column("other", sa.String(40), nullable=False), sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("evidence", sa.Float()), sa.Column("by", sa.Text(), nullable=False), sa.Column("at", Utc(), nullable=False),
        sa.Column("undone_by", sa.Text()), sa.Column("undone_at", Utc()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merges")),
    )
    op.create_index(op.f("ix_merges_customer"), "merges", ["customer"])
    op.create_index(op.f("ix_merges_other"), "merges", ["other"])
    op.create_table(
        "persons",
        sa.Column("customer", sa.String(40), nullable=False), sa.Column("person", sa.String(40), nullable=False),
        sa.PrimaryKeyConstraint("customer", name=op.f("pk_persons")),
    )
    op.create_index(op.f("ix_persons_person"), "persons", ["person"])


def downgrade() -> None:
    op.drop_table("persons")
    op.drop_table("merges")
