"""The markets of a recording: what it does not say comes from `--markets FILE` or is assumed."""

import re
from pathlib import Path
from typing import Annotated

import msgspec

from sandbox.books import RecordedBooks
from sandbox.markets import CATEGORIES, Category, Event, Market, digest_id, token_id
from sandbox.units import parse_price, parse_size
from sandbox.world.recording import Recording, RecordingError

_CONDITION_ID = re.compile(r"0x[0-9a-f]{64}")
_TokenId = Annotated[str, msgspec.Meta(pattern="^[0-9]+$")]


class Facts(msgspec.Struct, frozen=True):
    """What `--markets` says of one market; all of it is optional, other keys are left alone."""

    slug: str = ""
    condition_id: Annotated[str, msgspec.Meta(pattern="^(0x[0-9a-f]{64})?$")] = ""
    token_ids: tuple[_TokenId, _TokenId] | None = None
    outcomes: tuple[str, str] = ("Yes", "No")
    tick_size: str | float = "0.01"
    min_order_size: str | float = "5"
    neg_risk: bool = False
    fee_rate: str | float = "0"
    end_ns: int | None = None


class _File(msgspec.Struct):
    markets: tuple[Facts, ...]


def load_facts(path: Path) -> tuple[Facts, ...]:
    """Read a markets file: `{"markets": [...]}` or a bare array. Raises RecordingError."""
    try:
        decoded = msgspec.json.decode(path.read_bytes(), type=_File | tuple[Facts, ...])
        facts = decoded.markets if isinstance(decoded, _File) else decoded
        for known in facts:
            _ = parse_price(str(known.tick_size)), parse_size(str(known.min_order_size)), float(known.fee_rate)
    except OSError as error:
        raise RecordingError(f"{path}: expected a readable file ({error.strerror or error})") from None
    except (msgspec.DecodeError, ValueError) as error:
        keys = ", ".join(Facts.__struct_fields__)
        raise RecordingError(f"{path}: expected an array of markets with {keys} ({error})") from None
    return facts


def make_markets(recording: Recording, facts: tuple[Facts, ...], now_ns: int) -> dict[str, Market]:
    """The markets of a recording by its own names for them, with empty books. Raises RecordingError."""
    markets: dict[str, Market] = {}
    for name, seen in recording.tokens.items():
        known = _facts_for(name, seen, facts)
        slug = known.slug or (f"market-{name[2:10]}" if _CONDITION_ID.fullmatch(name) else name)
        markets[name] = Market(
            slug=slug,
            question=slug,
            condition_id=known.condition_id or (name if _CONDITION_ID.fullmatch(name) else digest_id(name)),
            token_ids=_pair(name, seen, known),
            outcomes=known.outcomes,
            category=_category(known),
            event=Event(slug, slug, neg_risk=known.neg_risk),
            book=RecordedBooks(),
            created_ns=now_ns,
            end_ns=known.end_ns,
            tick=parse_price(str(known.tick_size)),
            min_order_size=parse_size(str(known.min_order_size)),
        )
    return markets


def _facts_for(name: str, seen: tuple[str, ...], facts: tuple[Facts, ...]) -> Facts:
    for known in facts:
        if name in (known.slug, known.condition_id):
            return known
    return next((known for known in facts if known.token_ids and set(seen) <= set(known.token_ids)), Facts())


def _pair(name: str, seen: tuple[str, ...], known: Facts) -> tuple[str, str]:
    if known.token_ids is not None:
        if not set(seen) <= set(known.token_ids):
            raise RecordingError(f"market {name}: expected the token_ids of the markets file, found {', '.join(seen)}")
        return known.token_ids
    return (seen[0], seen[1]) if len(seen) == 2 else (seen[0], token_id(name, "the other outcome"))


def _category(known: Facts) -> Category:
    if not float(known.fee_rate):
        return CATEGORIES["geopolitics"]
    return Category("recorded", "recorded_fees", str(known.fee_rate), "0")
