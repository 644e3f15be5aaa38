"""The tables, as they are now; `migrations/` says how a database gets here.

Why a `journal` table beside the others: what money depends on is written once, as the messages themselves, in an
append-only chain (each row's digest covers the row before it), so that an edit or a gap shows and a restart can read
the messages back. The other tables say the same for people and SQL: they are projections and may be pruned or rebuilt.

Money, sizes and prices are integers as in `models.units`; times are nanoseconds UTC; flags are booleans; lists and
explanations are JSON text. Nothing here is bound to a database: queries name theirs.
"""
# peewee carries no annotations.
# ruff: noqa: D106
# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false, reportUnknownVariableType=false

from typing import Final

from peewee import BigAutoField, BigIntegerField, BooleanField, CompositeKey, IntegerField, Model, TextField


class Journal(Model):
    """The chain. `subject` is the order, trade, merge or request that the entry is about."""

    seq = BigIntegerField(primary_key=True)
    at_ns = BigIntegerField()
    kind = TextField(index=True)
    subject = TextField(index=True)
    body = TextField()
    digest = TextField()

    class Meta:
        table_name = "journal"


class Fact(Model):
    """Single facts: the run counter, the kill latch."""

    key = TextField(primary_key=True)
    value = TextField(null=True)

    class Meta:
        table_name = "meta"


class OrderIntent(Model):
    """Each intent once, whether or not it came to an order. `order_id` is the hash of the order that it became."""

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
    epoch = BigIntegerField()
    bundle = TextField(null=True)
    created_ns = BigIntegerField(index=True)
    submitted_ns = BigIntegerField(null=True)

    class Meta:
        table_name = "order_intents"
        indexes = ((("run", "intent"), True),)


class Order(Model):
    """The newest state of each order; an intent that became two orders is refused by the index."""

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
    """Each fill once. `status` is `pending`, `settled` or `voided`.

    `cash` excludes fee and rebate; `cost_out` is the cost that left the position with a SELL.
    """

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
    """What a desk held in a market after a change; the newest row of (tag, market) is the present."""

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
    """Profit of a desk in a market at a moment. `unrealized` is null where there was no good mark."""

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
    """Percentiles of one stage over the time since the row before."""

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
    """What went wrong inside: a death, a quarantine, a stuck handler, a lost message."""

    id = BigAutoField()
    at_ns = BigIntegerField(index=True)
    actor = TextField()
    kind = TextField()
    text = TextField()

    class Meta:
        table_name = "errors"


class BookSnapshot(Model):
    """The top of a net book now and then. `bids` and `asks` are JSON: [[price, size], ...], best first."""

    id = BigAutoField()
    at_ns = BigIntegerField(index=True)
    market = TextField()
    book_seq = BigIntegerField()
    epoch = BigIntegerField()
    bids = TextField()
    asks = TextField()
    unusable = TextField(null=True)

    class Meta:
        table_name = "book_snapshots"


class Event(Model):
    """One row per decision-relevant event, with the place of its raw frame on the tape (null: it came from none)."""

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
    """A desk's targets, or the reason for them, changed. `explanation` is the JSON of a `models...Explanation`."""

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
    """Each call that would change something, and each that was refused: who said what when, and what they were told."""

    request = TextField(primary_key=True)
    at_ns = BigIntegerField(index=True)
    who = TextField()
    verb = TextField()
    market = TextField(null=True)
    arguments = TextField()
    result = TextField()
    answered_ns = BigIntegerField()
    outcome = TextField(default="done")
    role = TextField(default="")
    uid = BigIntegerField(null=True)
    pid = BigIntegerField(null=True)

    class Meta:
        table_name = "audit"


TABLES: Final[tuple[type[Model], ...]] = (
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
