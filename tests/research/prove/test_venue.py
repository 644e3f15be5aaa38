import pytest

from research.prove.__main__ import main
from research.prove.frames import Levels
from research.prove.ranges import RANGES
from research.prove.statistics import Histogram, Seconds
from research.prove.venue import Proof, prove
from sandbox import wire
from sandbox.trading.ledger import Ledger
from sandbox.venue import Venue

BRIEF = {
    "demo": 0.03,
    "neg_risk": 0.03,
    "sports_inplay": 0.3,
    "crypto_5m": 0.05,
    "venue_wide_stress": 0.003,
    "adverse": 0.5,
}
COUNTS = {"venue_wide_stress": 30, "crypto_5m": 1}


class Recorder(Proof):
    """A proof that keeps what its client was sent."""

    def _take(self, effects):
        self.texts = getattr(self, "texts", [])
        self.texts += [str(effect) for effect in effects]
        super()._take(effects)


@pytest.mark.parametrize("profile", sorted(RANGES))
def test_every_claim_holds_in_every_profile_while_accounts_trade(profile):
    report = prove(profile, BRIEF[profile], 3, lambda _: None, count=COUNTS.get(profile), orders=40)
    assert report.findings.wrong == {}, report.findings.cases
    assert report.orders
    lossy = profile in ("demo", "adverse")
    assert len(report.findings.checked) == 14 + lossy
    assert min(report.findings.checked.values()) > 0


@pytest.mark.parametrize("profile", sorted(RANGES))
def test_the_same_seed_gives_the_same_log_and_the_same_frames(profile):
    runs = []
    for seed in (5, 5, 6):
        proof = Recorder(profile, seed, COUNTS.get(profile), 60)
        lines: list[str] = []
        proof.exchange.log.on_line.append(lines.append)
        proof.run(BRIEF[profile] / 6, lambda _: None)
        runs.append((lines, proof.texts))
    assert runs[0] == runs[1]
    assert len(runs[0][0]) > 5
    assert runs[2] != runs[0]


def test_a_measured_world_is_within_its_ranges(capsys):
    assert main(["venue", "--profile", "crypto_5m", "--hours", "0.05", "--markets-count", "1"]) == 0
    said = capsys.readouterr().out
    assert "crypto_5m: everything holds" in said
    assert "frames/s of a coin" in said


def test_what_does_not_hold_is_said_and_ends_with_one(capsys, monkeypatch):
    monkeypatch.setattr("sandbox.wire.book_hash", lambda *_: "0" * 40)
    assert main(["venue", "--profile", "sports_inplay", "--hours", "0.02", "--json"]) == 1
    assert '"holds":false' in capsys.readouterr().out


def halved(venue, market, token, side, price, size, *more):
    return PRINT(venue, market, token, side, price, max(size // 2, 1), *more)


def leaking(ledger, *movements):
    SETTLE(ledger, *movements)
    ledger.fees += 1


PRINT, SETTLE, MIRRORED = Venue.print_trade, Ledger.settle, wire.mirrored


@pytest.mark.parametrize(
    "where, name, broken, claim",
    [
        (wire, "mirrored", lambda changes: MIRRORED(changes)[:-1], "a change is mirrored on both tokens"),
        (Venue, "print_trade", halved, "the prints of a trade sum to what left the book"),
        (Ledger, "settle", leaking, "cash, locked dollars and fees are what came in"),
    ],
)
def test_a_venue_that_breaks_a_promise_is_found_out(monkeypatch, where, name, broken, claim):
    monkeypatch.setattr(where, name, broken)
    report = prove("sports_inplay", 0.1, 3, lambda _: None, orders=60)
    assert report.findings.wrong[claim]
    assert not report.holds


def test_hours_and_counts_are_numbers_above_nothing(capsys):
    for flag in ("--hours", "--markets-count"):
        with pytest.raises(SystemExit):
            main(["venue", flag, "0"])
    assert "at least 1" in capsys.readouterr().err


def test_a_histogram_knows_its_quantiles_mean_and_fano_factor():
    histogram = Histogram()
    for value in (1, 1, 2, 4):
        histogram.add(value)
    assert (histogram.quantile(0.5), histogram.quantile(0.75), histogram.quantile(1.0)) == (1, 2, 4)
    assert histogram.mean == 2
    assert histogram.fano == 0.75
    assert histogram.share((1, 4)) == 0.75
    assert histogram.share_from(2) == 0.5


def test_silent_seconds_count_and_the_fullest_tenth_is_found():
    seconds = Seconds()
    for at_ms in (0, 10, 99, 100, 5_000, 5_001):
        seconds.add(at_ms)
    assert seconds.busiest.counts == {4: 1, 0: 4, 2: 1}
    assert seconds.fullest_tenth == 3


def test_levels_keep_the_wires_own_text_worst_first():
    bids = Levels("bids", [{"price": "0.4", "size": "10"}, {"price": "0.41", "size": "1.5"}])
    assert bids.set(4_000, "12") == 2_000_000
    assert bids.text == '{"price":"0.4","size":"12"},{"price":"0.41","size":"1.5"}'
    assert bids.set(4_100, "0") == -1_500_000
    assert (bids.best, bids.sizes) == (4_000, {4_000: 12_000_000})
