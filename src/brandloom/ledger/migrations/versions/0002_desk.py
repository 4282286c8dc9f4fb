"""The desk: texts with their versions, comments, decisions and results, and words a brand avoids"""

import sqlalchemy as sa
from alembic import op

from brandloom.ledger.schema import BigId, Utc

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pieces",
        sa.Column("id", sa.String(32), nullable=False), sa.Column("name", sa.Text(), nullable=False),
        sa.Column("brand", sa.Text(), nullable=False), sa.Column("language", sa.String(8), nullable=False),
        sa.Column("format", sa.String(64), nullable=False), sa.Column("request", sa.String(64), nullable=False),
        sa.Column("brief", sa.Text(), nullable=False), sa.Column("angle", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False), sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("people", sa.BigInteger()), sa.Column("budget", sa.Float()), sa.Column("parent", sa.String(32)),
        sa.Column("created_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pieces"))
    op.create_index("ix_pieces_brand_language_format", "pieces", ["brand", "language", "format"])
    op.create_table(
        "piece_versions",
        sa.Column("id", BigId, nullable=False), sa.Column("piece", sa.String(32), nullable=False), sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("base", sa.Integer(), nullable=False), sa.Column("parts", sa.Text(), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False), sa.Column("refused", sa.Boolean(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False), sa.Column("origin", sa.String(16), nullable=False), sa.Column("model", sa.Text()),
        sa.Column("digest", sa.String(64), nullable=False), sa.Column("at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["piece"], ["pieces.id"], name="fk_piece_versions_piece"),
        sa.PrimaryKeyConstraint("id", name="pk_piece_versions"), sa.UniqueConstraint("piece", "number", name="uq_piece_versions_piece_number"))
    op.create_table(
        "piece_comments",
        sa.Column("id", BigId, nullable=False), sa.Column("piece", sa.String(32), nullable=False), sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("part", sa.String(64)), sa.Column("by", sa.Text(), nullable=False), sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["piece"], ["pieces.id"], name="fk_piece_comments_piece"),
        sa.PrimaryKeyConstraint("id", name="pk_piece_comments"))
    op.create_index("ix_piece_comments_piece_id", "piece_comments", ["piece", "id"])
    op.create_table(
        "piece_decisions",
        sa.Column("id", BigId, nullable=False), sa.Column("piece", sa.String(32), nullable=False), sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("decision", sa.String(16), nullable=False), sa.Column("by", sa.Text(), nullable=False), sa.Column("reason", sa.Text()),
        sa.Column("digest", sa.String(64), nullable=False), sa.Column("at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["piece"], ["pieces.id"], name="fk_piece_decisions_piece"),
        sa.PrimaryKeyConstraint("id", name="pk_piece_decisions"))
    op.create_index("ix_piece_decisions_piece_id", "piece_decisions", ["piece", "id"])
    op.create_table(
        "piece_results",
        sa.Column("piece", sa.String(32), nullable=False), sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(64), nullable=False), sa.Column("shown", sa.BigInteger(), nullable=False),
        sa.Column("clicks", sa.BigInteger(), nullable=False), sa.Column("conversions", sa.BigInteger(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["piece"], ["pieces.id"], name="fk_piece_results_piece"),
        sa.PrimaryKeyConstraint("piece", "version", "source", name="pk_piece_results"))
    op.create_table(
        "desk_words",
        sa.Column("brand", sa.String(128), nullable=False), sa.Column("language", sa.String(8), nullable=False),
        sa.Column("word", sa.String(64), nullable=False), sa.Column("avoid", sa.Boolean(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False), sa.Column("at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("brand", "language", "word", name="pk_desk_words"))
