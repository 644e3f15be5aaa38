import pytest

from sandbox.limits import TIERS, BucketName, IpWindows, SignerBuckets, tier_for
from sandbox.rest.refusals import Refused

SECOND = 1_000_000_000
T = 1_790_000_000 * SECOND
SIGNER = "0xAb00000000000000000000000000000000000001"


def test_calls_within_a_window_do_not_wait():
    windows = IpWindows()
    assert [windows.delay_ns("GET", "/book", "clob", T) for _ in range(1_500)] == [0] * 1_500


def test_what_exceeds_a_window_waits_until_there_is_room_and_the_wait_grows():
    windows = IpWindows()
    for number in range(1_500):
        windows.delay_ns("GET", "/book", "clob", T + number)
    assert windows.delay_ns("GET", "/book", "clob", T + 2_000) == 10 * SECOND - 2_000
    assert windows.delay_ns("GET", "/book", "clob", T + 2_000) == 10 * SECOND - 1_999
    waits = [windows.delay_ns("GET", "/book", "clob", T + 3_000) for _ in range(1_500)]
    assert waits == sorted(waits)
    assert waits[-1] > 19 * SECOND
    assert windows.delay_ns("GET", "/price", "clob", T + 3_000) == 0


def test_a_window_slides():
    windows = IpWindows()
    for _ in range(750):
        windows.delay_ns("GET", "/book", "clob", T)
    for _ in range(750):
        windows.delay_ns("GET", "/book", "clob", T + 9 * SECOND)
    later = T + 10 * SECOND
    assert [windows.delay_ns("GET", "/book", "clob", later) for _ in range(750)] == [0] * 750
    assert windows.delay_ns("GET", "/book", "clob", later) == 9 * SECOND


@pytest.mark.parametrize(
    "method, path, service, limit",
    [
        ("GET", "/ok", "clob", 100),
        ("POST", "/books", "clob", 500),
        ("GET", "/tick-size/12", "clob", 200),
        ("GET", "/data/orders", "clob", 500),
        ("GET", "/data/order/0x1", "clob", 900),
        ("GET", "/balance-allowance/update", "clob", 50),
        ("GET", "/auth/derive-api-key", "clob", 100),
        ("POST", "/order", "clob", 5_000),
        ("DELETE", "/cancel-all", "clob", 250),
        ("GET", "/markets", "gamma", 300),
        ("GET", "/events/keyset", "gamma", 500),
        ("POST", "/submit", "relayer", 25),
    ],
)
def test_each_endpoint_has_its_window(method, path, service, limit):
    windows = IpWindows()
    assert not any(windows.delay_ns(method, path, service, T) for _ in range(limit))
    assert windows.delay_ns(method, path, service, T) > 0


def test_a_sustained_window_outlasts_the_burst():
    windows = IpWindows()
    waits = [
        windows.delay_ns("DELETE", "/orders", "clob", T + number * 10 * SECOND // 2_000) for number in range(15_001)
    ]
    assert not any(waits[:15_000])
    assert waits[15_000] == 600 * SECOND - 75 * SECOND


def test_post_and_delete_of_orders_are_counted_apart():
    windows = IpWindows()
    for _ in range(5_001):
        windows.delay_ns("POST", "/order", "clob", T)
    assert windows.delay_ns("DELETE", "/order", "clob", T) == 0


def test_beyond_a_factor_a_call_is_refused_without_headers_and_not_counted():
    windows = IpWindows(refuse_beyond=2)
    for _ in range(200):
        windows.delay_ns("GET", "/ok", "clob", T)
    for _ in range(50):
        with pytest.raises(Refused) as refused:
            windows.delay_ns("GET", "/ok", "clob", T + 1)
        assert (refused.value.answer.status, dict(refused.value.answer.headers)) == (429, {})
    assert windows.delay_ns("GET", "/ok", "clob", T + 10 * SECOND) == 10 * SECOND


@pytest.mark.parametrize("tier", TIERS.values(), ids=lambda tier: tier.name)
def test_each_tier_has_its_bursts_and_rates(tier):
    buckets = SignerBuckets()
    buckets.charge(SIGNER, "orders", 1, T)
    buckets.assign(SIGNER, tier, T)
    now = T + 60 * SECOND
    sizes: list[tuple[BucketName, int, int]] = [
        ("orders", tier.orders_per_s, tier.orders_burst),
        ("cancels", tier.cancels_per_s, tier.cancels_burst),
    ]
    for name, rate, burst in sizes:
        admitted = [buckets.charge(SIGNER, name, 1, now).admitted for _ in range(burst + 1)]
        assert admitted == [True] * burst + [False]
        assert buckets.charge(SIGNER, name, rate, now + SECOND).admitted
        assert not buckets.charge(SIGNER, name, 1, now + SECOND).admitted


def test_an_answer_says_what_is_left_until_when_and_in_which_tier():
    buckets = SignerBuckets()
    charge = buckets.charge(SIGNER.lower(), "orders", 15, T)
    assert charge.admitted
    assert charge.headers == {
        "Poly-RateLimit-Remaining": "45",
        "Poly-RateLimit-Reset": str(T // SECOND),
        "Poly-RateLimit-Tier": "Standard",
    }
    assert buckets.charge(SIGNER, "orders", 1, T).headers["Poly-RateLimit-Remaining"] == "44"
    assert buckets.charge(SIGNER, "cancels", 1, T).headers["Poly-RateLimit-Remaining"] == "119"


def test_a_batch_is_admitted_whole_or_not_at_all():
    buckets = SignerBuckets()
    buckets.charge(SIGNER, "orders", 50, T)
    refused = buckets.charge(SIGNER, "orders", 15, T)
    assert not refused.admitted
    assert refused.headers["Poly-RateLimit-Remaining"] == "10"
    assert refused.headers["Retry-After"] == "1"
    assert refused.refusal.answer.status == 429
    assert refused.refusal.answer.headers == refused.headers
    assert buckets.charge(SIGNER, "orders", 10, T).admitted


def test_after_the_said_wait_the_request_passes():
    buckets = SignerBuckets()
    buckets.charge(SIGNER, "cancels", 120, T)
    refused = buckets.charge(SIGNER, "cancels", 100, T + 1)
    wait = int(refused.headers["Retry-After"])
    assert wait == 2
    assert int(refused.headers["Poly-RateLimit-Reset"]) * SECOND >= T + 1 + wait * SECOND
    assert buckets.charge(SIGNER, "cancels", 100, T + 1 + wait * SECOND).admitted


def test_a_batch_above_the_burst_never_passes():
    buckets = SignerBuckets()
    assert not buckets.charge(SIGNER, "orders", 61, T).admitted
    assert not buckets.charge(SIGNER, "orders", 61, T + 3_600 * SECOND).admitted


def test_cancelling_many_at_once_leads_into_debt_where_the_tier_allows_it():
    buckets = SignerBuckets()
    assert buckets.charge(SIGNER, "cancels", 1, T).admitted
    assert buckets.debit(SIGNER, 200, T)["Poly-RateLimit-Remaining"] == "-81"
    assert not buckets.charge(SIGNER, "cancels", 1, T + SECOND).admitted
    assert buckets.charge(SIGNER, "cancels", 1, T + 2 * SECOND).admitted
    buckets.assign(SIGNER, TIERS["Platinum"], T + 2 * SECOND)
    assert buckets.debit(SIGNER, 5_000, T + 3 * SECOND)["Poly-RateLimit-Remaining"] == "0"


def test_in_warning_mode_what_would_be_refused_passes_with_a_warning():
    buckets = SignerBuckets(enforced=False)
    assert "Poly-RateLimit-Warning" not in buckets.charge(SIGNER, "orders", 60, T).headers
    warned = buckets.charge(SIGNER, "orders", 1, T)
    assert warned.admitted
    assert warned.headers["Poly-RateLimit-Warning"] == "true"
    assert "Retry-After" not in warned.headers


@pytest.mark.parametrize(
    "dollars, name", [(0, "Standard"), (29_999, "Standard"), (30_000, "Copper"), (499_999, "Silver"), (10**8, "Elite")]
)
def test_the_volume_of_a_wallet_earns_its_tier(dollars, name):
    assert tier_for(dollars * 1_000_000).name == name


def test_signers_do_not_share_a_bucket_whatever_the_case_of_their_address():
    buckets = SignerBuckets()
    buckets.charge(SIGNER, "orders", 60, T)
    assert not buckets.charge(SIGNER.lower(), "orders", 1, T).admitted
    assert buckets.charge("0x" + "2" * 40, "orders", 60, T).admitted
