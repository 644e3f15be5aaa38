"""The audit says also by which process a command was said, in which role, and whether it was refused or only shown."""
# peewee carries no annotations, and its runner hands in what it likes.
# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false, reportUnknownVariableType=false

from peewee import BigIntegerField, Database, TextField
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, _database: Database) -> None:
    """Add the columns. What was audited before was carried out, or its result says otherwise."""
    migrate(
        migrator.add_column("audit", "outcome", TextField(default="done")),
        migrator.add_column("audit", "role", TextField(default="")),
        migrator.add_column("audit", "uid", BigIntegerField(null=True)),
        migrator.add_column("audit", "pid", BigIntegerField(null=True)),
    )
