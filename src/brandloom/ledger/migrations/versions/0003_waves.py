"""Waves of a plan, how each was shared out among texts, links of messages and clicks on them"""

import sqlalchemy as sa
from alembic import op

from brandloom.ledger.schema import BigId, Utc

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox", sa.Column("wave", sa.Integer(), nullable=False, server_default="1"))
    op.create_table(
        "waves",
        sa.Column("plan", sa.String(32), nullable=False), sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("opened_at", Utc(), nullable=False), sa.Column("out_at", Utc()),
        sa.ForeignKeyConstraint(["plan"], ["plans.id"], name=op.f("fk_waves_plan")),
        sa.PrimaryKeyConstraint("plan", "number", name=op.f("pk_waves")),
    )
    op.create_table(
        "wave_texts",
        sa.Column("plan", sa.String(32), nullable=False), sa.Column("wave", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.String(255), nullable=False), sa.Column("cell", sa.String(255), nullable=False),
        sa.Column("people", sa.BigInteger(), nullable=False), sa.Column("share", sa.Float(), nullable=False),
        sa.Column("known", sa.BigInteger(), nullable=False), sa.Column("successes", sa.BigInteger(), nullable=False),
        sa.Column("pending", sa.BigInteger(), nullable=False), sa.Column("expected", sa.Float(), nullable=False),
        sa.Column("deviation", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["plan"], ["plans.id"], name=op.f("fk_wave_texts_plan")),
        sa.PrimaryKeyConstraint("plan", "wave", "text", name=op.f("pk_wave_texts")),
    )
    op.create_table(
        "links",
        sa.Column("id", BigId, nullable=False), sa.Column("plan", sa.String(32), nullable=False), sa.Column("target", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["plan"], ["plans.id"], name=op.f("fk_links_plan")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_links")),
        sa.UniqueConstraint("plan", "target", name=op.f("uq_links_plan_target")),
    )
    op.create_table(
        "clicks",
        sa.Column("id", BigId, nullable=False), sa.Column("message", BigId, nullable=False), sa.Column("link", BigId, nullable=False),
        sa.Column("at", Utc(), nullable=False), sa.Column("machine", sa.String(16)),
        sa.ForeignKeyConstraint(["message"], ["outbox.id"], name=op.f("fk_clicks_message")),
        sa.ForeignKeyConstraint(["link"], ["links.id"], name=op.f("fk_clicks_link")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clicks")),
    )
    op.create_index(op.f("ix_clicks_message_at"), "clicks", ["message", "at"])


def downgrade() -> None:
    for table in ("clicks", "links", "wave_texts", "waves"):
        op.drop_table(table)
    op.drop_column("outbox", "wave")
