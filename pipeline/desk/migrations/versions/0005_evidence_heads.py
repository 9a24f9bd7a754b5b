"""evidence heads"""

import sqlalchemy as sa
from alembic import op

import pipeline.desk.tables

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "evidence_heads",
        sa.Column("file", sa.String(length=120), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=80), nullable=False),
        sa.Column("noted_at", pipeline.desk.tables.UTCDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("file", name=op.f("pk_evidence_heads")),
    )


def downgrade() -> None:
    op.drop_table("evidence_heads")
