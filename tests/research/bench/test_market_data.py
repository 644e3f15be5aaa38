"""What the measurements of market data measure; the peer's environment is made by `bin/bench --peers` alone."""

import importlib.util
import sys
from pathlib import Path

import pytest

from models.units import ONE, TICKS, Price
from research.bench import market_data


@pytest.mark.skipif(
    importlib.util.find_spec("orjson") is None,
    reason="orjson is only what we are measured against; `bin/bench --peers` installs it",
)
def test_decoding_is_measured_on_frames_that_are_understood() -> None:
    found = market_data.decode(frames=50)
    assert found["ratio"] == pytest.approx(found["ours_ns"] / found["orjson_ns"])
    assert 0 < found["ratio"] < 20


def test_without_the_peers_environment_a_measurement_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "orjson", None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for measure in (market_data.decode, market_data.book):
        with pytest.raises(market_data.PeerMissing, match="bin/bench --peers makes it"):
            measure()


@pytest.mark.parametrize("tick", TICKS)
def test_the_changes_of_a_measurement_lie_on_the_grid_and_never_cross(tick: Price) -> None:
    changes = market_data._churn(tick, 500)  # pyright: ignore[reportPrivateUsage]
    assert all(0 < price < ONE and price % tick == 0 for _, price, _ in changes)
    assert max(price for is_bid, price, _ in changes if is_bid) < min(
        price for is_bid, price, _ in changes if not is_bid
    )


def test_an_environment_that_is_ready_is_not_made_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "keel" / "peers" / f"py{sys.version_info.major}{sys.version_info.minor}"
    folder.mkdir(parents=True)
    (folder / "ready").write_text(" ".join(market_data.PEERS))
    market_data.peers()
    assert [path.name for path in folder.iterdir()] == ["ready"]
