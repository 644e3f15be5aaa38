"""What is measured, and what is wanted of it: the targets of the specification that a table can show."""

from typing import Final

from research.bench.actors import markets_in_one_process, pool_against_threads
from research.bench.approval import approval
from research.bench.gate import gate
from research.bench.machines import actors_over_machines, replay
from research.bench.market_data import book, decode
from research.bench.processes import help_seconds, memory
from research.bench.restart import restart
from research.bench.signing import sign
from research.bench.stopping import stop_under_a_hanging_order
from research.bench.store import commit, tape
from research.bench.stress import stress
from research.bench.table import Figure, Measurement
from research.bench.tick_to_order import tick_to_order

_STRESS: Final = (
    Figure("lost", at_most=0),
    Figure("frames_per_s"),
    Figure("peak_frames_per_s"),
    Figure("orders_per_s"),
    Figure("decision_p99_ms", "ms"),
)

MEASUREMENTS: Final = (
    Measurement(
        "P3",
        "real actors against their machines alone",
        (
            Figure("ratio", "x", at_least=0.28),
            Figure("actors_events_per_s"),
            Figure("machines_events_per_s"),
            Figure("orders"),
            Figure("fills"),
        ),
        lambda quick: actors_over_machines(10 if quick else 60),
    ),
    Measurement(
        "P4",
        "decode a level change, against orjson.loads",
        (Figure("ratio", "x", at_most=2.0), Figure("ours_ns", "ns"), Figure("orjson_ns", "ns")),
        lambda quick: decode(200 if quick else 2_000),
    ),
    Measurement(
        "P5",
        "a change and the touch, against nautilus OrderBook",
        (
            Figure("ratio", "x", at_most=0.6),
            Figure("cent_ratio", "x", at_most=0.6),
            Figure("gap_ratio", "x", at_most=0.6),
            Figure("ours_ns", "ns"),
            Figure("nautilus_ns", "ns"),
            Figure("gap_ours_ns", "ns"),
            Figure("gap_nautilus_ns", "ns"),
        ),
        lambda quick: book(1_000 if quick else 10_000),
    ),
    Measurement(
        "P6",
        "pooled actors against pykka's threads",
        (
            Figure("throughput_ratio", "x", at_least=4),
            Figure("chain_ratio", "x", at_most=0.6),
            Figure("pool_messages_per_s"),
            Figure("threads_messages_per_s"),
            Figure("pool_chain_p50_us", "us"),
            Figure("threads_chain_p50_us", "us"),
        ),
        lambda quick: pool_against_threads(20_000 if quick else 200_000, 200 if quick else 1_000),
    ),
    Measurement(
        "P7",
        "sign an order of generation 2, against py-clob-client-v2",
        (Figure("ratio", "x", at_most=0.15), Figure("ours_us", "us"), Figure("library_us", "us")),
        lambda quick: sign(100 if quick else 500),
    ),
    Measurement(
        "P8",
        "bytes of a tick to those of its order, against one loop",
        (
            Figure("p50_ratio", "x", at_most=4),
            Figure("p99_ratio", "x", at_most=8),
            Figure("engine_p50_us", "us"),
            Figure("engine_p99_us", "us"),
            Figure("loop_p50_us", "us"),
            Figure("loop_p99_us", "us"),
            Figure("ticks"),
        ),
        lambda quick: tick_to_order(60 if quick else 200),
        rounds_max=2,
    ),
    Measurement(
        "P9",
        "markets in one process, five actors each",
        (
            Figure("markets"),
            Figure("start_s", "s", at_most=10),
            Figure("stop_s", "s", at_most=10),
            Figure("kib_per_market", "KiB", at_most=40),
            Figure("tick_to_decision_p99_ms", "ms", at_most=5),
            Figure("tick_to_decision_p50_ms", "ms"),
        ),
        lambda quick: markets_in_one_process(1_000 if quick else 10_000, 1_000, 2 if quick else 10),
        rounds_max=3,
    ),
    Measurement(
        "P10",
        "the whole venue's load on an engine that trades live",
        (*_STRESS, Figure("core_share", at_most=0.6)),
        lambda quick: stress(10 if quick else 60),
        rounds_max=1,
    ),
    Measurement(
        "load",
        "a smaller venue four times as fast, with many orders",
        (*_STRESS, Figure("core_share")),
        lambda quick: stress(10 if quick else 30, "demo", 50, speed=4.0),
        rounds_max=1,
    ),
    Measurement(
        "P11",
        "raw frames to the tape, against the peak of the venue",
        (
            Figure("times_peak", "x", at_least=20),
            Figure("bytes_per_frame", "B", at_most=80),
            Figure("frames_per_s"),
            Figure("read_frames_per_s"),
        ),
        lambda _: tape(rounds=1),
    ),
    Measurement(
        "P12",
        "start after kill -9 with a long journal, to ready",
        (
            Figure("ready_s", "s", at_most=5),
            Figure("journal_s", "s"),
            Figure("ready_cpu_s", "s"),
            Figure("journal_cpu_s", "s"),
            Figure("empty_s", "s"),
            Figure("entries"),
            Figure("database_mb", "MB"),
        ),
        lambda quick: restart(50_000 if quick else 1_000_000),
        rounds_max=1,
    ),
    Measurement(
        "P13",
        "toxic flow to bytes of cancels, while an order hangs",
        (
            Figure("p99_ms", "ms", at_most=50),
            Figure("unseen", at_most=0),
            Figure("cancels"),
            Figure("p50_ms", "ms"),
            Figure("most_ms", "ms"),
            Figure("ratio", "x"),
            Figure("free_p50_ms", "ms"),
            Figure("frames_per_s"),
        ),
        lambda quick: stop_under_a_hanging_order(windows=2 if quick else 14),
        rounds_max=1,
    ),
    Measurement(
        "risk",
        "an order through all risk controls, against its answer",
        (
            Figure("approval_us", "us", at_most=50),
            Figure("ratio", "x"),
            Figure("end_us", "us"),
            Figure("bare_us", "us"),
        ),
        lambda quick: approval(200 if quick else 4_000),
    ),
    Measurement(
        "gate",
        "an order in the gate, against a lock and a look",
        (
            Figure("gate_us", "us", at_most=20),
            Figure("ratio", "x"),
            Figure("told_us", "us"),
            Figure("bare_us", "us"),
        ),
        lambda quick: gate(2 if quick else 20),
    ),
    Measurement(
        "commit",
        "durable commit of one order, against a bare sync",
        (Figure("times_sync", "x"), Figure("commit_p50_us", "us"), Figure("sync_p50_us", "us")),
        lambda quick: commit(100 if quick else 500),
    ),
    Measurement(
        "replay",
        "a recording through all actors, with its trace",
        (Figure("events_per_s"), Figure("orders"), Figure("fills")),
        lambda quick: replay(10 if quick else 60),
    ),
    Measurement("help", "keel --help", (Figure("seconds", "s", at_most=0.4),), lambda _: help_seconds()),
    Measurement(
        "memory",
        "an engine that quotes 50 markets",
        (Figure("resident_mib", "MiB", at_most=300), Figure("orders"), Figure("fills")),
        lambda quick: memory(50, 3 if quick else 10),
        rounds_max=1,
    ),
)
