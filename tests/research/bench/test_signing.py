"""The measurement of signing measures two signers that sign the same."""

import sys

import pytest

from research.bench.market_data import PeerMissing
from research.bench.signing import sign


def test_both_sides_are_measured_on_the_same_orders() -> None:
    found = sign(20)
    assert found["ratio"] == pytest.approx(found["ours_us"] / found["library_us"])
    assert 0 < found["ratio"] < 1


def test_without_the_library_the_row_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "py_clob_client_v2"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "py_clob_client_v2", None)
    with pytest.raises(PeerMissing, match="bin/setup live"):
        sign(1)
