"""Full-text search over transcripts and translations.

SQLite: FTS5 tables over the rows' own text, kept by triggers. PostgreSQL: GIN indexes over the
text as vectors. Both fold case, keep accents and stem nothing, for texts come in any language;
both take every sign that is no letter or digit as a border between words.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = (
    ("transcripts", "transcript_id", "transcript_text"),
    ("translations", "translation_id", "translated_text"),
)
BORDERS = "-./:@_+~#&=%?<>"
"""Signs at which PostgreSQL's parser would not part words (addresses, paths, numbers)."""


def upgrade() -> None:
    """Make indexes, or tables with triggers."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table, key, column in TABLES:
        if sqlite:
            _make_fts5(table, key, column)
        else:
            blanks = " " * len(BORDERS)
            op.execute(
                f"CREATE INDEX search_{table} ON {table} USING gin"
                f" (to_tsvector('simple', translate({column}, '{BORDERS}', '{blanks}')))"
            )


def downgrade() -> None:
    """Drop them."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table, _, _ in TABLES:
        if sqlite:
            for event in ("insert", "delete", "update"):
                op.execute(f"DROP TRIGGER search_{table}_{event}")
            op.execute(f"DROP TABLE search_{table}")
        else:
            op.execute(f"DROP INDEX search_{table}")


def _make_fts5(table: str, key: str, column: str) -> None:
    fts = f"search_{table}"
    take_out = (
        f"INSERT INTO {fts} ({fts}, rowid, {column}) VALUES ('delete', old.{key}, old.{column});"  # noqa: S608 - constants
    )
    put_in = f"INSERT INTO {fts} (rowid, {column}) VALUES (new.{key}, new.{column});"  # noqa: S608 - constants
    op.execute(
        f"CREATE VIRTUAL TABLE {fts} USING fts5({column}, content='{table}',"
        f" content_rowid='{key}', tokenize='unicode61 remove_diacritics 0')"
    )
    op.execute(f"CREATE TRIGGER {fts}_insert AFTER INSERT ON {table} BEGIN {put_in} END")
    op.execute(f"CREATE TRIGGER {fts}_delete AFTER DELETE ON {table} BEGIN {take_out} END")
    op.execute(
        f"CREATE TRIGGER {fts}_update AFTER UPDATE OF {column} ON {table}"
        f" BEGIN {take_out} {put_in} END"
    )
    op.execute(f"INSERT INTO {fts} ({fts}) VALUES ('rebuild')")  # noqa: S608 - constants
