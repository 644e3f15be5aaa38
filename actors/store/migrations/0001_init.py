"""The tables of version 1: a frozen copy, so that this migration makes the same database for ever."""
# peewee carries no annotations, and its runner hands in what it likes.
# ruff: noqa: D106
# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false, reportUnknownVariableType=false

from peewee import BigAutoField, BigIntegerField, BooleanField, CompositeKey, Database, IntegerField, Model, TextField
from playhouse.migrate import SchemaMigrator


class Journal(Model):
    seq = BigIntegerField(primary_key=True)
    at_ns = BigIntegerField()
    kind = TextField(index=True)
    subject = TextField(index=True)
    body = TextField()
    digest = TextField()

    class Meta:
        table_name = "journal"


class Fact(Model):
    key = TextField(primary_key=True)
    value = TextField(null=True)

    class Meta:
        table_name = "meta"


class OrderIntent(Model):
    id = BigAutoField()
    run = TextField()
    intent = TextField()
    order_id = TextField(null=True, unique=True)
    tag = TextField()
    market = TextField()
    outcome = IntegerField()
    side = TextField()
    price = IntegerField()
    size = BigIntegerField()
    post_only = BooleanField()
    time_in_force = TextField()
    reason = TextField()
    epoch = IntegerField()
    bundle = TextField(null=True)
    created_ns = BigIntegerField(index=True)
    submitted_ns = BigIntegerField(null=True)

    class Meta:
        table_name = "order_intents"
        indexes = ((("run", "intent"), True),)


class Order(Model):
    order_id = TextField(primary_key=True)
    run = TextField()
    intent = TextField()
    tag = TextField()
    market = TextField()
    outcome = IntegerField()
    side = TextField()
    price = IntegerField()
    size = BigIntegerField()
    filled = BigIntegerField()
    state = TextField(index=True)
    reason = TextField()
    post_only = BooleanField()
    created_ns = BigIntegerField()
    changed_ns = BigIntegerField(index=True)

    class Meta:
        table_name = "orders"
        indexes = ((("run", "intent"), True), (("tag", "market"), False))


class Fill(Model):
    trade_id = TextField()
    order_id = TextField()
    run = TextField()
    intent = TextField()
    tag = TextField()
    market = TextField()
    outcome = IntegerField()
    side = TextField()
    price = IntegerField()
    size = BigIntegerField()
    cash = BigIntegerField()
    cost_out = BigIntegerField()
    fee = BigIntegerField()
    rebate = BigIntegerField()
    maker = BooleanField()
    status = TextField()
    at_ns = BigIntegerField(index=True)
    changed_ns = BigIntegerField()

    class Meta:
        table_name = "fills"
        primary_key = CompositeKey("trade_id", "order_id")
        indexes = ((("tag", "market"), False),)


class PositionSnapshot(Model):
    id = BigAutoField()
    at_ns = BigIntegerField()
    tag = TextField()
    market = TextField()
    yes_shares = BigIntegerField()
    yes_cost = BigIntegerField()
    yes_settled = BigIntegerField()
    no_shares = BigIntegerField()
    no_cost = BigIntegerField()
    no_settled = BigIntegerField()
    merging = BigIntegerField()
    realized = BigIntegerField()
    fees = BigIntegerField()
    rebates = BigIntegerField()
    fills = IntegerField()

    class Meta:
        table_name = "positions"
        indexes = ((("tag", "market", "id"), False),)


class PnlSnapshot(Model):
    id = BigAutoField()
    at_ns = BigIntegerField(index=True)
    tag = TextField()
    market = TextField()
    realized = BigIntegerField()
    unrealized = BigIntegerField(null=True)
    mark_age_ms = BigIntegerField(null=True)
    fees = BigIntegerField()
    rebates = BigIntegerField()

    class Meta:
        table_name = "pnl_snapshots"
        indexes = ((("tag", "market", "id"), False),)


class LatencyMetric(Model):
    id = BigAutoField()
    at_ns = BigIntegerField(index=True)
    stage = TextField()
    count = IntegerField()
    mean_ns = BigIntegerField()
    p50_ns = BigIntegerField()
    p95_ns = BigIntegerField()
    p99_ns = BigIntegerField()

    class Meta:
        table_name = "latency_metrics"


class Error(Model):
    id = BigAutoField()
    at_ns = BigIntegerField(index=True)
    actor = TextField()
    kind = TextField()
    text = TextField()

    class Meta:
        table_name = "errors"


class BookSnapshot(Model):
    id = BigAutoField()
    at_ns = BigIntegerField(index=True)
    market = TextField()
    book_seq = BigIntegerField()
    epoch = IntegerField()
    bids = TextField()
    asks = TextField()
    unusable = TextField(null=True)

    class Meta:
        table_name = "book_snapshots"


class Event(Model):
    id = BigAutoField()
    at_ns = BigIntegerField(index=True)
    kind = TextField()
    market = TextField(null=True)
    detail = TextField()
    tape_segment = TextField(null=True)
    tape_offset = BigIntegerField(null=True)

    class Meta:
        table_name = "events"


class Decision(Model):
    id = BigAutoField()
    at_ns = BigIntegerField(index=True)
    tag = TextField()
    market = TextField()
    sequence = BigIntegerField()
    phase = TextField()
    state = TextField()
    reason = TextField()
    on_synthetic_proof = BooleanField()
    explanation = TextField()

    class Meta:
        table_name = "decisions"
        indexes = ((("tag", "market", "id"), False),)


class Audit(Model):
    request = TextField(primary_key=True)
    at_ns = BigIntegerField(index=True)
    who = TextField()
    verb = TextField()
    market = TextField(null=True)
    arguments = TextField()
    result = TextField()
    answered_ns = BigIntegerField()

    class Meta:
        table_name = "audit"


TABLES = (
    Journal,
    Fact,
    OrderIntent,
    Order,
    Fill,
    PositionSnapshot,
    PnlSnapshot,
    LatencyMetric,
    Error,
    BookSnapshot,
    Event,
    Decision,
    Audit,
)


def up(_migrator: SchemaMigrator, database: Database) -> None:
    """Create the tables."""
    with database.bind_ctx(TABLES):
        database.create_tables(TABLES)


def down(_migrator: SchemaMigrator, database: Database) -> None:
    """Drop the tables, and everything in them."""
    with database.bind_ctx(TABLES):
        database.drop_tables(TABLES)
