"""Under which seed each bug is known to be caught, and by which invariant: found once by `bin/prove zoo`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple


class Known(NamedTuple):
    """A seed that catches a bug, and the invariant that it breaks there."""

    seed: int
    invariant: str


KNOWN: Final[Mapping[str, Known]] = MappingProxyType(
    {
        "no_fill_dedupe": Known(259, "I1"),
        "fills_by_trade_alone": Known(259, "I13"),
        "failed_trade_kept": Known(238, "I1"),
        "status_moves_down": Known(471, "I2"),
        "float_cash": Known(259, "I1"),
        "merge_counted_twice": Known(259, "I1"),
        "late_fill_dropped": Known(152, "I1"),
        "sells_from_pending": Known(372, "I1"),
        "fills_conflated": Known(10, "I32"),
        "new_salt_on_retry": Known(235, "I18"),
        "not_found_is_dead": Known(26, "I8"),
        "silence_is_refusal": Known(3, "I8"),
        "cancelled_when_sent": Known(259, "I8"),
        "unknown_blocks_nothing": Known(11, "I6"),
        "foreign_order_ignored": Known(167, "I17"),
        "approved_twice": Known(259, "I18"),
        "kill_by_message": Known(311, "I9"),
        "replacement_passes": Known(311, "I9"),
        "journal_after_send": Known(259, "I4"),
        "latch_lost_at_restart": Known(308, "I11"),
        "unknown_is_free": Known(235, "I13"),
        "cancelling_is_free": Known(259, "I13"),
        "worst_case_of_held": Known(55, "I13"),
        "crosses_by_complement": Known(372, "I16"),
        "open_orders_forgotten": Known(259, "I1"),
        "resume_lifts_all": Known(318, "I11"),
        "tick_cached": Known(103, "I15"),
        "voids_forgotten": Known(204, "I25"),
        "reducing_ignored": Known(198, "I11"),
        "stale_addresses": Known(78, "I3"),
        "silence_is_cancel": Known(71, "I8"),
        "cancel_behind_submit": Known(259, "I20"),
        "pause_not_done": Known(372, "I11"),
        "error_is_not_found": Known(2, "I8"),
        "no_lease_epoch": Known(11, "I24"),
        "lease_not_asked": Known(123, "I24"),
        "stale_is_fresh": Known(71, "I19"),
        "gap_ignored": Known(108, "I19"),
        "epoch_not_checked": Known(86, "I19"),
        "resolved_still_quoted": Known(180, "I22"),
        "losses_forgotten": Known(55, "I27"),
        "toxic_stands": Known(29, "I20"),
        "token_bids_are_free": Known(9, "I12"),
        "bids_lean_nowhere": Known(8, "I12"),
        "cash_for_one_bid": Known(39, "I12"),
        "cash_of_last_read": Known(3, "I12"),
        "event_not_counted": Known(18, "I12"),
        "siblings_forgotten": Known(154, "I6"),
    }
)

IN_CI: Final[tuple[str, ...]] = (
    "no_fill_dedupe",
    "sells_from_pending",
    "cancelled_when_sent",
    "unknown_blocks_nothing",
    "kill_by_message",
    "journal_after_send",
    "cancelling_is_free",
    "pause_not_done",
)
"""Bugs that every run of the checks plants, under their known seed: of each family those that are caught soonest."""
