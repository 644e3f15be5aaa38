"""The same intent has the same name for ever, and no two intents share one."""

import msgspec
import pytest

from models.markets import NO, Side
from models.order_ids import paper_order_id, salt_of
from tests.models.wishes import wish

ORDER = wish(created_ns=1_750_000_000_123_000_000)


def test_the_salt_is_the_first_52_bits_of_a_hash_of_run_and_intent() -> None:
    # printf '["run","desk/market/0/BUY/1"]' | sha256sum: 63a7b1217b08fb6e...
    assert salt_of("run", ORDER.intent) == 0x63A7B1217B08F
    assert salt_of("run", "a") != salt_of("ru", "na")


def test_the_id_does_not_change() -> None:
    assert paper_order_id("run", ORDER) == paper_order_id("run", wish(created_ns=ORDER.created_ns))
    assert paper_order_id("run", ORDER) == "paper:f8514a343f31f1216386f8c2cd86369834abba8967ef8410872d49f4e614c444"


@pytest.mark.parametrize(
    "other",
    [
        wish(2, created_ns=ORDER.created_ns),
        wish(price="0.49", created_ns=ORDER.created_ns),
        wish(size=6_000_000, created_ns=ORDER.created_ns),
        msgspec.structs.replace(ORDER, outcome=NO),
        msgspec.structs.replace(ORDER, side=Side.SELL),
        msgspec.structs.replace(ORDER, market="another"),
        msgspec.structs.replace(ORDER, created_ns=ORDER.created_ns + 1_000_000),
    ],
)
def test_whatever_a_signature_would_cover_changes_the_id(other: object) -> None:
    assert isinstance(other, type(ORDER))
    assert paper_order_id("run", other) != paper_order_id("run", ORDER)


def test_another_run_gives_another_id() -> None:
    assert paper_order_id("run", ORDER) != paper_order_id("next run", ORDER)
