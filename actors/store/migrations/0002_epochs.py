"""Epochs of books that were restarted count milliseconds since 1970, which no 32 bits hold.

SQLite keeps whole numbers of any size in every such column; only PostgreSQL has to be told.
"""
# peewee carries no annotations, and its runner hands in what it likes.
# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

from peewee import Database, PostgresqlDatabase
from playhouse.migrate import SchemaMigrator


def up(_migrator: SchemaMigrator, database: Database) -> None:
    """Widen the two columns."""
    if isinstance(database, PostgresqlDatabase):
        for table in ("order_intents", "book_snapshots"):
            database.execute_sql(f"ALTER TABLE {table} ALTER COLUMN epoch TYPE BIGINT")
