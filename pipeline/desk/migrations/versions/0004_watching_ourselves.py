"""source runs, canary, own channels"""

import sqlalchemy as sa
from alembic import op

import pipeline.desk.tables

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "source_runs",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("source_id", sa.String(length=64), nullable=False),
        sa.Column("at", pipeline.desk.tables.UTCDateTime(timezone=True), nullable=False),
        sa.Column("read", sa.Integer(), nullable=False),
        sa.Column("captured", sa.Integer(), nullable=False),
        sa.Column("filled", sa.JSON(), nullable=False),
        sa.Column("sample", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_runs")),
    )
    op.create_index("ix_source_runs_source_id_at", "source_runs", ["source_id", "at"], unique=False)
    op.create_table(
        "canary_runs",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("started_at", pipeline.desk.tables.UTCDateTime(timezone=True), nullable=False),
        sa.Column("reached", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canary_runs")),
    )
    op.create_index("ix_canary_runs_started_at", "canary_runs", ["started_at"], unique=False)
    op.create_table(
        "own_channels",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("office_ids", sa.JSON(), nullable=False),
        sa.Column("checked_at", pipeline.desk.tables.UTCDateTime(timezone=True), nullable=False),
        sa.Column("reached_at", pipeline.desk.tables.UTCDateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("certificate_until", pipeline.desk.tables.UTCDateTime(timezone=True), nullable=True),
        sa.Column("certificate_problem", sa.Text(), nullable=False),
        sa.Column("newest_at", pipeline.desk.tables.UTCDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_own_channels")),
    )
    op.create_table(
        "own_pages",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("channel_id", sa.String(length=80), nullable=False),
        sa.Column("office_ids", sa.JSON(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("seen_at", pipeline.desk.tables.UTCDateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("changed_at", pipeline.desk.tables.UTCDateTime(timezone=True), nullable=True),
        sa.Column("accepted_digest", sa.String(length=32), nullable=False),
        sa.Column("accepted_length", sa.Integer(), nullable=False),
        sa.Column("accepted_at", pipeline.desk.tables.UTCDateTime(timezone=True), nullable=True),
        sa.Column("accepted_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_own_pages")),
    )
    op.create_index("ix_own_pages_channel_id", "own_pages", ["channel_id"], unique=False)


def downgrade() -> None:
    op.drop_table("own_pages")
    op.drop_table("own_channels")
    op.drop_table("canary_runs")
    op.drop_table("source_runs")
