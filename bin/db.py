"""`keel db`: what the database is, whether it is whole, and what a person may do to it while no engine writes it.

Why these stand here and not with the other commands: they open the database themselves, which no surface may.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter

from bin.lock import only_engine, told_of_storage
from surfaces.cli.errors import CommandError, Exit
from surfaces.cli.options import DEFAULTS, Global, Options
from surfaces.cli.output import Column, Output, Text

if TYPE_CHECKING:
    from actors.store.queries import Reader

DryRun = Annotated[bool, Parameter(name="--dry-run", negative="", help="Show it, change nothing.")]
Database = Annotated[
    str | None, Parameter(name="--db", help="Database: a path or a URL; the configured one without it.")
]

_KEPT: Final = "where the journal was seen to end"


def status(*, db: Database = None, options: Options = DEFAULTS) -> int:
    """Say what the database is: its rows, its version, who writes it, where its journal ends. Changes nothing."""
    from actors.store.database import examine, redacted, sqlite_file

    url, _ = place(db, options)
    with told_of_storage():
        found, file = examine(url), sqlite_file(url)
    if not found.exists:
        raise CommandError(
            "not_found", f"there is no database {redacted(url)}", "the first start of an engine makes it"
        )
    with reading(url) as reader:
        holder, counts = reader.holder, reader.counts()
        document: dict[str, Any] = {
            "schema": "keel.db_status/1",
            "database": redacted(url),
            "bytes": file.stat().st_size if file is not None else None,
            "pending": list(found.pending),
            "account": reader.account,
            "entries": reader.entries(),
            "writer": None if holder is None else {"epoch": holder.epoch, "pid": holder.pid, "host": holder.host},
            "tables": [{"table": name, "rows": rows} for name, rows in counts.items()],
        }
    lines = [
        f"{document['database']}: {document['entries']:,} entries in the journal",
        f"written by {holder}" if holder is not None else "nobody has written it since it knows by whom",
        f"lives for {document['account']}" if document["account"] else "no wallet trades live on it",
    ]
    if found.pending:
        lines.append(f"older than this version of Keel: keel db migrate ({', '.join(found.pending)})")
    columns = (Column("TABLE", lambda row: row["table"]), Column("ROWS", lambda row: f"{row['rows']:,}", "right"))
    Output(options).show(document, Text(lines, columns, document["tables"]))
    return Exit.OK


def verify(*, db: Database = None, options: Options = DEFAULTS) -> int:
    """Read the whole journal and say whether any entry was edited, removed, inserted or cut off; exits with 9 if so.

    An engine may run meanwhile.
    """
    from actors.store.chain import Broken
    from actors.store.database import redacted, unharmed
    from actors.store.heads import Heads
    from actors.store.trouble import StoreError
    from surfaces.cli.progress import Bar

    url, data_dir = place(db, options)
    bar = Bar("verifying", shown=not options.quiet)
    document: dict[str, Any] = {"schema": "keel.db_verify/1", "database": redacted(url), "whole": True}
    with told_of_storage():
        # Before the journal is read: what is added meanwhile is no cut.
        kept = Heads(data_dir).read(url)
    with reading(url) as reader:
        try:
            unharmed(url)
            of = reader.entries()
            document["entries"] = reader.verify(kept, lambda seq: bar(seq, of))
        except StoreError as error:
            document |= {"whole": False, "problem": str(error), "fix": error.fix}
            document["entry"] = error.seq if isinstance(error, Broken) else None
        finally:
            bar.end()
    document["kept"] = None if kept is None else kept.seq
    if not document["whole"]:
        Output(options).show(document, Text([f"{document['database']}: {document['problem']}", document["fix"]]))
        return Exit.UNHEALTHY
    seen = f", {_KEPT}: {kept.seq:,}" if kept is not None else f"; nobody has noted {_KEPT}"
    Output(options).show(document, Text([f"{document['database']}: all {document['entries']:,} entries hold{seen}"]))
    return Exit.OK


def backup(folder: Path | None = None, /, *, db: Database = None, options: Options = DEFAULTS) -> int:
    """Copy the database to a folder (default: backups in the data folder), read the copy through, and name it.

    An engine may run meanwhile; the copy is of one moment.
    """
    url, data_dir = place(db, options)
    copy = _backed_up(url, folder or data_dir / "backups", options)
    document = {"schema": "keel.db_backup/1", "file": str(copy), "bytes": copy.stat().st_size}
    Output(options).show(document, Text([f"{copy}: {document['bytes']:,} bytes, whole"]))
    return Exit.OK


def migrate(*, db: Database = None, dry_run: DryRun = False, options: Options = DEFAULTS) -> int:
    """Bring the tables of an older version up to date, after a copy was made. Refused while an engine runs."""
    from actors.store.database import examine
    from actors.store.upkeep import update

    url, data_dir = place(db, options)
    with _alone(data_dir):
        found = examine(url)
        document: dict[str, Any] = {"schema": "keel.db_migrate/1", "pending": list(found.pending), "dry_run": dry_run}
        document["backup"] = None
        lines = [f"  {name}" for name in found.pending] or ["nothing to do"]
        if found.pending and not dry_run:
            document["backup"] = str(_backed_up(url, data_dir / "backups", options)) if found.exists else None
            update(url)
            lines = [f"applied {', '.join(found.pending)}; the database as it was: {document['backup']}"]
    Output(options).show(document, Text(lines))
    return Exit.OK


def reset(
    *, tables: str | None = None, db: Database = None, dry_run: DryRun = False, options: Options = DEFAULTS
) -> int:
    """Empty what people read of the past, and count profits from now on. The journal, orders and fills stay.

    Parameters
    ----------
    tables
        Which tables, comma separated; all that may be emptied without it.
    """
    from actors.runtime.clock import SystemClock
    from actors.store.upkeep import RESETTABLE
    from actors.store.upkeep import reset as emptied
    from surfaces.cli.session import confirm

    chosen = tuple(name.strip() for name in tables.split(",")) if tables is not None else tuple(RESETTABLE)
    for name in chosen:
        if name not in RESETTABLE:
            raise CommandError("usage", f"{name!r} is not emptied", f"one may choose of {', '.join(RESETTABLE)}")
    url, data_dir = place(db, options)
    with _alone(data_dir):
        with reading(url) as reader:
            counts = {name: rows for name, rows in reader.counts().items() if name in chosen}
        document: dict[str, Any] = {"schema": "keel.db_reset/1", "dry_run": dry_run, "backup": None}
        after = counts
        if not dry_run:
            confirm(options, f"{sum(counts.values()):,} rows of {', '.join(chosen)} are deleted, after a copy.", "yes")
            document["backup"] = str(_backed_up(url, data_dir / "backups", options))
            after = {name: left for name, (_, left) in emptied(url, SystemClock().now_ns(), chosen).items()}
    document["tables"] = [{"table": name, "before": rows, "after": after[name]} for name, rows in counts.items()]
    columns = (
        Column("TABLE", lambda row: row["table"]),
        Column("BEFORE", lambda row: f"{row['before']:,}", "right"),
        Column("AFTER", lambda row: f"{row['after']:,}", "right"),
    )
    lines = [f"the database as it was: {document['backup']}"] if document["backup"] else []
    Output(options).show(document, Text(lines, columns, document["tables"]))
    return Exit.OK


def recover(*, db: Database = None, dry_run: DryRun = False, options: Options = DEFAULTS) -> int:
    """Set a database aside that is damaged or older than its journal was, so that the next start asks the venue.

    What the wallet holds is then found as what it held before: it is left alone and in no figure, and loss counters
    begin at zero. A kill stays. Nothing is deleted.
    """
    from actors.runtime.clock import SystemClock
    from actors.store.database import redacted
    from actors.store.heads import Heads
    from actors.store.upkeep import set_aside
    from surfaces.cli.session import confirm

    url, data_dir = place(db, options)
    aside: Path | None = None
    with _alone(data_dir):
        if not dry_run:
            question = f"{redacted(url)} is set aside and a new journal begins; what it counted begins at zero."
            confirm(options, question, "yes")
            aside = set_aside(url, Heads(data_dir), SystemClock().now_ns())
    document = {"schema": "keel.db_recover/1", "dry_run": dry_run, "set_aside": str(aside) if aside else None}
    said = f"set aside as {aside}" if aside is not None else "there was no file to set aside"
    if dry_run:
        said = f"would set {redacted(url)} aside"
    after = "keel run --mode live then reads from the venue what the wallet holds and what is open, and begins paused"
    Output(options).show(document, Text([said, after]))
    return Exit.OK


def place(db: str | None, options: Global) -> tuple[str, Path]:
    """Return the URL of the database that a run would use, and its data folder. Raises CommandError."""
    from actors.store.database import resolve_url, sqlite_file
    from config.problems import ConfigurationError
    from config.settings import load

    try:
        settings = load({"db": db} if db is not None else None)
    except ConfigurationError as error:
        raise CommandError("configuration", str(error)) from error
    data_dir = options.data_dir if options.data_dir != DEFAULTS.data_dir else Path(settings.run.data_dir)
    with told_of_storage():
        url = resolve_url(settings.run.db, data_dir)
        sqlite_file(url)  # which looks whether it is one
        return url, data_dir


@contextmanager
def reading(url: str) -> "Generator[Reader]":
    """Have a database open to read. Raises CommandError."""
    from peewee import PeeweeException

    from actors.store.database import redacted
    from actors.store.queries import Reader

    try:
        with told_of_storage(), Reader(url) as reader:
            yield reader
    except PeeweeException as error:
        raise CommandError("configuration", f"cannot read {redacted(url)}: {error}", "keel db verify") from error


@contextmanager
def _alone(data_dir: Path) -> Generator[None]:
    """Make sure that no engine runs in the folder. The database's own lease covers those of other folders."""
    with only_engine(data_dir), told_of_storage():
        yield


def _backed_up(url: str, folder: Path, options: Global) -> Path:
    from actors.runtime.clock import SystemClock
    from actors.store.backup import back_up
    from surfaces.cli.progress import Bar

    bar = Bar("copying", shown=not options.quiet)
    told: Callable[[int, int], object] = bar
    with told_of_storage():
        try:
            return back_up(url, folder, SystemClock().now_ns(), told)
        finally:
            bar.end()
