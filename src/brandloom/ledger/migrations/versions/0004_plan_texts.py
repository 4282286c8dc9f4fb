"""Texts of plans on the desk"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pieces", sa.Column("plan", sa.String(32)))
    op.create_index("ix_pieces_plan", "pieces", ["plan"])
