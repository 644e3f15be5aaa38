"""`bin/prove beside`: the same strategy in paper beside a market and live in it, so that paper's optimism can be read.

Both engines are given the same settings, and each a sandbox of its own with the same seed and an outside that does not
react: whatever they do, the same makers and takers come at the same times. What is then filled more, earlier or better
in paper is what the paper venue makes of the same market.

Why they are measured over the same span of the sandboxes' clocks: the outside is a function of seed and time, and an
engine that looks on for longer is filled more. Why no pairs are merged, limits are wide and hedges follow the price: a
desk that is full, or waits with a naked leg for a price to come back, is filled no more, and when that happens is luck
that would hide what is compared.

Why fills are counted for each minute that an order stood: an engine that a busy machine held up had fewer of them, and
what it missed by that says nothing of paper.

Why paper may fall short and not exceed: a backtest that is too good costs money, one that is too strict costs a
strategy that one could have tried with little.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Final, Literal

from actors.runtime.clock import SystemClock, monotonic_ns
from research.prove.beside_fills import MARK_OUT_S, Trading, read
from research.prove.processes import Engine, Sandbox, engine, live_engine, sandbox, wait

SCHEMA: Final = "keel.prove.beside/1"

Where = Literal["paper", "live"]

_SETTINGS: Final = {
    "STRATEGY_MODE": "maker",
    "STRATEGY_TAG": "beside",
    "PM_BID_SIZE": "5",
    "PM_MAX_NET_DIFF": "10",
    "PM_MAX_POSITION_VALUE": "100000",
    "PM_MAX_PORTFOLIO_COST": "1.5",
    "KEEL_INVENTORY__AUTO_MERGE": "off",
    "KEEL_LEG__RAISE_AFTER_MS": "1000",
    "KEEL_LEG__RAISE_EVERY_MS": "500",
    "WALLET_USD": "100000",
    "KEEL_PAPER__CASH": "100000",
    "KEEL_EXECUTOR__RATE_TIER": "Elite",
}
_LATENCIES: Final = ("KEEL_PAPER__ACCEPT_MS", "KEEL_PAPER__CANCEL_MS")
_WORLD: Final = ("--port", 0, "--outside", "fixed", "--tier", "Elite", "--cash", 100_000)
_START_S: Final = 60.0
_QUOTES_AFTER_S: Final = 5.0
"""How long after the slower of the two may trade both are taken to quote."""
_MARKED_AFTER_S: Final = MARK_OUT_S + 1.0
_TELL_S: Final = 1.0
_S: Final = 1_000_000_000

OPTIMISM_MAX: Final = 0.05
"""Share by which paper may be filled more easily than live, unless the seeds differ so much that more says nothing."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One seed in both."""

    seed: int
    paper: Trading
    live: Trading


@dataclass(frozen=True, slots=True)
class Report:
    """What came of all seeds."""

    profile: str
    minutes: float
    pairs: Sequence[Pair]

    def mean(self, where: Where, figure: str) -> float:
        """The mean of a figure of `Trading` over the seeds."""
        return mean(self.values(where, figure))

    def values(self, where: Where, figure: str) -> list[float]:
        """A figure of `Trading`, seed by seed."""
        return [float(getattr(getattr(pair, where), figure)) for pair in self.pairs]

    @property
    def optimism(self) -> float:
        """By what share an order is filled more easily in paper than in live; below 0 where it is not."""
        live = self.mean("live", "ease")
        return self.mean("paper", "ease") / live - 1 if live else 0.0

    @property
    def noise(self) -> float:
        """Two standard errors of the optimism; infinite for a single seed."""
        live = self.mean("live", "ease")
        if len(self.pairs) < 2 or not live:
            return float("inf")
        papers, lives = self.values("paper", "ease"), self.values("live", "ease")
        apart = [ours - theirs for ours, theirs in zip(papers, lives, strict=True)]
        return 2 * stdev(apart) / len(apart) ** 0.5 / live

    @property
    def holds(self) -> bool:
        """Whether both traded with every seed and paper is not filled more easily than live, as far as can be told."""
        traded = all(pair.paper.fills and pair.live.fills for pair in self.pairs)
        return traded and self.optimism <= max(OPTIMISM_MAX, min(self.noise, 1.0))


def compare(
    profile: str,
    seeds: Sequence[int],
    minutes: float,
    told: Callable[[float], object],
    *,
    markets: int | None = None,
    latency_ms: int | None = None,
    at_once: int = 1,
    keep: Path | None = None,
) -> Report:
    """Run every seed in both; `told` hears how far it is, `keep` gets databases and logs.

    `latency_ms` is what paper takes an order or a cancel to need to the venue, None: its default.

    Raises RuntimeError or TimeoutError where an engine or a sandbox does not come up.
    """
    shares = dict.fromkeys(seeds, 0.0)
    assumed: dict[str, str] = {} if latency_ms is None else {name: str(latency_ms) for name in _LATENCIES}

    def run(seed: int) -> Pair:
        def told_one(share: float) -> None:
            shares[seed] = share
            told(sum(shares.values()) / len(shares))

        with ExitStack() as held:
            folder = keep or Path(held.enter_context(tempfile.TemporaryDirectory(prefix="keel-beside-")))
            return _pair(profile, seed, minutes, folder / f"seed-{seed}", told_one, markets, assumed)

    with ThreadPoolExecutor(at_once) as pool:
        return Report(profile, minutes, list(pool.map(run, seeds)))


def _pair(
    profile: str,
    seed: int,
    minutes: float,
    folder: Path,
    told: Callable[[float], object],
    markets: int | None,
    assumed: Mapping[str, str],
) -> Pair:
    """Let both trade side by side for a while, and read what they did."""
    count = () if markets is None else ("--markets-count", markets)
    world = (*_WORLD, "--profile", profile, "--seed", seed, *count)
    with ExitStack() as held:
        venues = {where: held.enter_context(sandbox(*world)) for where in ("paper", "live")}
        flags = ("--mode", "paper", "--sandbox", venues["paper"].url)
        engines = {
            "paper": held.enter_context(engine(folder / "paper", *flags, **_SETTINGS, **assumed)),
            "live": held.enter_context(live_engine(folder / "live", venues["live"], 0, **_SETTINGS)),
        }
        engines["live"].done("resume", "--yes", timeout_s=_START_S)
        engines["paper"].done("status", timeout_s=_START_S)
        begins_ns = {where: venue.began_ns for where, venue in venues.items()}
        from_ns = SystemClock().now_ns() - min(begins_ns.values()) + int(_QUOTES_AFTER_S * _S)
        until_ns = from_ns + int(minutes * 60 * _S)
        _trade(max(begins_ns.values()) + until_ns, engines, venues, told)
        for running in engines.values():
            running.end()
        paper, live = (
            read(running.database, begins_ns[where] + from_ns, begins_ns[where] + until_ns)
            for where, running in engines.items()
        )
        return Pair(seed, paper, live)


def _trade(
    until_ns: int, engines: dict[str, Engine], venues: dict[str, Sandbox], told: Callable[[float], object]
) -> None:
    """Wait until the last fill that counts can be marked out. Raises RuntimeError where a process ends before."""
    clock = SystemClock()
    began_ns = monotonic_ns()
    left_ns = until_ns - clock.now_ns() + int(_MARKED_AFTER_S * _S)
    while (gone_ns := monotonic_ns() - began_ns) < left_ns:
        for where, running in engines.items():
            if running.process.poll() is not None or venues[where].process.poll() is not None:
                raise RuntimeError(f"a process of the {where} run ended early: {running.trouble}")
        told(gone_ns / left_ns)
        wait(_TELL_S)
    told(1.0)
