"""Which markets recordings hold: what the frames say, what a file of markets says, and what has to be assumed.

A file of markets holds one of these, as one document or one object a line, plain or `.gz`:

- `{"markets": [{slug, condition_id, token_ids, outcomes, tick_size, min_order_size, neg_risk, fee_rate, end_ns,
  winner}]}` with every key optional (`winner` is an outcome's index or name, or a token id);
- such objects with `outcomes: [{token_id, outcome}]`, `end_ts` and `fee_parameters`, as the envelopes' recorder wrote;
- Gamma market objects.

What nobody says is assumed and named in `Market.assumed`: tokens of an equal `market` are a pair, outcome 0 is the one
seen first, tick 0.01 (a book finds a finer one by its levels), minimum 5 shares, no fee, not neg-risk, no end.
"""

import gzip
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from msgspec.json import Decoder

from actors.venues.polymarket.gamma import market_of
from models.markets import NO, YES, Fees, Market, Outcome
from models.messages.base import MarketId
from models.text import clean
from models.units import parse_size, parse_tick
from research.tape import TapeError, TapeFrame

_TRADED: Final = frozenset({"", "book", "price_change", "last_trade_price", "tick_size_change"})
"""Events of markets that are on the tape for their own sake; `new_market` comes for every market of the venue."""

_ASSUMED: Final = ("condition_id", "token_ids", "outcomes", "tick", "min_order_size", "neg_risk", "fees", "end_ns")
"""Fields of a market that are assumed where nobody says them."""

_NS_PER_MS: Final = 1_000_000


class RecordedMarkets(NamedTuple):
    """The markets of some recordings, in the order in which they appear, and those results that are known."""

    markets: tuple[Market, ...]
    winners: dict[MarketId, Outcome]

    def tokens(self) -> dict[str, tuple[MarketId, Outcome]]:
        """Return which market and outcome each token id is, as a codec needs it."""
        tokens: dict[str, tuple[MarketId, Outcome]] = {}
        for market in self.markets:
            tokens[market.token_ids[0]] = (market.id, YES)
            tokens[market.token_ids[1]] = (market.id, NO)
        return tokens


def recorded_markets(frames: Iterable[TapeFrame], markets_file: Path | None = None) -> RecordedMarkets:
    """Read recordings to their end, which also proves them undamaged, and say what markets they hold.

    Raises TapeError where a recording or the file is damaged, where a token belongs to two markets, and where the file
    contradicts a recording.
    """
    known = list(_known_markets(markets_file)) if markets_file is not None else []
    seen: dict[str, _Seen] = {}
    owners: dict[str, _Seen] = {}
    for frame in frames:
        for names in _names_of(frame.raw):
            if names.event_type in _TRADED and names.market:
                market = seen.setdefault(names.market, _Seen(names.market, frame))
                market.take(names, frame, owners)
    markets: list[Market] = []
    winners: dict[MarketId, Outcome] = {}
    for found in seen.values():
        description = _known_of(found, known)
        market = _market(found, description)
        markets.append(market)
        if description is not None and description.winner is not None:
            winners[market.id] = description.winner
    return RecordedMarkets(tuple(markets), winners)


class _Known(NamedTuple):
    """A market as a file describes it; `assumed` of the market names the fields that the file leaves open."""

    market: Market
    winner: Outcome | None


class _Token(msgspec.Struct):
    asset_id: str = ""


class _Names(msgspec.Struct):
    """As much of a frame as names its market, and those of its keys that describe the market."""

    event_type: str = ""
    market: str = ""
    asset_id: str = ""
    price_changes: list[_Token] = []
    tick_size: str | None = None
    min_order_size: str | None = None
    neg_risk: bool | None = None


class _NotedOutcome(msgspec.Struct):
    token_id: str
    outcome: str


class _NotedFee(msgspec.Struct, rename="camel"):
    rate: str | int = 0
    exponent: int = 1
    rebate_rate: str | int = 0


class _NotedFees(msgspec.Struct):
    fees_enabled: bool = False
    raw_fee_config: _NotedFee | None = None


class _Note(msgspec.Struct):
    """A market as a file describes it, Gamma apart; decimals are text, as they stood there."""

    slug: str
    condition_id: str | None = None
    token_ids: list[str] = []
    outcomes: list[str | _NotedOutcome] = []
    tick_size: str | int | None = None
    min_order_size: str | int | None = None
    neg_risk: bool | None = None
    fee_rate: str | int | None = None
    fee_parameters: _NotedFees | None = None
    end_ns: int | None = None
    end_ts: int | None = None
    winner: str | int | None = None


class _MarketsDocument(msgspec.Struct):
    markets: list[msgspec.Raw] = []


_names: Decoder[list[_Names] | _Names] = Decoder(list[_Names] | _Names)
_exact: Decoder[dict[str, Any]] = Decoder(dict[str, Any], float_hook=str)
"""Leaves decimals as the text that they were."""


def _names_of(raw: bytes) -> list[_Names]:
    try:
        names = _names.decode(raw)
    except msgspec.DecodeError:
        # Plain text, or a frame that the codec will count as malformed.
        return []
    return names if isinstance(names, list) else [names]


class _Seen:
    """A market as the frames name it. `said` holds fields of `Market` that they describe."""

    def __init__(self, name: str, first: TapeFrame) -> None:
        self.name = name
        self.first = first
        self.token_ids: list[str] = []
        self.said: dict[str, Any] = {"condition_id": name} if name.startswith("0x") else {}

    def take(self, names: _Names, frame: TapeFrame, owners: "dict[str, _Seen]") -> None:
        """Take note of the tokens and facts in a frame of this market."""
        for token_id in (names.asset_id, *(change.asset_id for change in names.price_changes)):
            if not token_id or owners.get(token_id) is self:
                continue
            owner = owners.setdefault(token_id, self)
            if owner is not self:
                place = f"{owner.first.path}, line {owner.first.line}"
                expected = f"token {token_id} under the market {owner.name!r}, as in {place}"
                raise TapeError(frame.path, frame.line, expected, self.name.encode())
            if len(self.token_ids) == 2:
                raise TapeError(frame.path, frame.line, f"one of the two tokens of {self.name!r}", token_id.encode())
            self.token_ids.append(token_id)
        # What a frame says wrong is the codec's to count, not to be believed here.
        with suppress(ValueError):
            if names.tick_size is not None:
                self.said.setdefault("tick", parse_tick(names.tick_size))
            if names.min_order_size is not None:
                self.said.setdefault("min_order_size", parse_size(names.min_order_size))
        if names.neg_risk is not None:
            self.said.setdefault("neg_risk", names.neg_risk)


def _known_of(seen: _Seen, known: list[_Known]) -> _Known | None:
    """Find a market in the file: by slug, else by condition id, else by its tokens."""
    for one in known:
        if one.market.slug == seen.name:
            return one
    for one in known:
        if seen.name == one.market.condition_id or set(seen.token_ids) <= set(one.market.token_ids):
            return one
    return None


def _market(seen: _Seen, known: _Known | None) -> Market:
    """Put together what the file and the frames say; the file wins."""
    market = known.market if known is not None else _nothing_known(seen.name)
    said = dict(seen.said)
    if "token_ids" in market.assumed:
        said["token_ids"] = (*seen.token_ids, "", "")[:2]
    else:
        for token_id in seen.token_ids:
            if token_id not in market.token_ids:
                expected = f"the tokens that the file of markets gives {market.slug!r}"
                raise TapeError(seen.first.path, seen.first.line, expected, token_id.encode())
    said = {field: value for field, value in said.items() if field in market.assumed}
    # The pair of tokens is known by now, but which of them is outcome 0 is still a guess.
    assumed = tuple(field for field in market.assumed if field not in said or field == "token_ids")
    condition_id = said.get("condition_id", market.condition_id)
    return msgspec.structs.replace(market, **said, id=condition_id or market.slug, assumed=assumed)


def _nothing_known(slug: str) -> Market:
    name = clean(slug, 120)
    return Market(id=name, slug=name, token_ids=("", ""), assumed=_ASSUMED)


def _known_markets(path: Path) -> Iterator[_Known]:
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    for number, found in _objects(path, content):
        try:
            yield _known_by_gamma(found) if b"conditionId" in found else _known_by_note(found)
        except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
            raise TapeError(path, number, f"a market ({type(error).__name__}: {error})", found) from error


def _objects(path: Path, content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the market objects of a file with their line, which is 1 where the file is one document."""
    lines = [(1, content)]
    if not _is_json(content):
        lines = [(number, line) for number, line in enumerate(content.splitlines(), start=1) if line.strip()]
    for number, text in lines:
        try:
            if text.lstrip().startswith(b"["):
                objects = msgspec.json.decode(text, type=list[msgspec.Raw])
            else:
                objects = msgspec.json.decode(text, type=_MarketsDocument).markets or [msgspec.Raw(text)]
        except msgspec.DecodeError as error:
            raise TapeError(path, number, f"markets as JSON ({error})", text) from error
        yield from ((number, bytes(one)) for one in objects)


def _is_json(content: bytes) -> bool:
    try:
        msgspec.json.decode(content, type=msgspec.Raw)
    except msgspec.DecodeError:
        return False
    return True


def _known_by_gamma(found: bytes) -> _Known:
    market = market_of(_exact.decode(found))
    ours = {"orderPriceMinTickSize": "tick", "orderMinSize": "min_order_size"}
    assumed = tuple(ours.get(name, name) for name in market.assumed)
    # Whatever it is now: when it was recorded it traded.
    return _Known(msgspec.structs.replace(market, accepting_orders=True, assumed=assumed), None)


def _known_by_note(found: bytes) -> _Known:
    note = msgspec.convert(_exact.decode(found), _Note)
    names = [clean(one if isinstance(one, str) else one.outcome, 40) for one in note.outcomes]
    tokens = note.token_ids or [one.token_id for one in note.outcomes if isinstance(one, _NotedOutcome)]
    if len(names) not in (0, 2) or len(tokens) not in (0, 2):
        raise ValueError("a market has two outcomes and two tokens")
    end_ns = note.end_ns if note.end_ts is None else note.end_ts * _NS_PER_MS
    said = {
        "condition_id": note.condition_id,
        "token_ids": tuple(tokens) or None,
        "outcomes": tuple(names) or None,
        "tick": None if note.tick_size is None else parse_tick(str(note.tick_size)),
        "min_order_size": None if note.min_order_size is None else parse_size(str(note.min_order_size)),
        "neg_risk": note.neg_risk,
        "fees": _fees(note),
        "end_ns": end_ns,
    }
    said = {field: value for field, value in said.items() if value is not None}
    assumed = tuple(field for field in _ASSUMED if field not in said)
    market = msgspec.structs.replace(_nothing_known(note.slug), **said, assumed=assumed)
    return _Known(market, None if note.winner is None else _winner(str(note.winner), market))


def _fees(note: _Note) -> Fees | None:
    if note.fee_parameters is None:
        return None if note.fee_rate is None else Fees(parse_size(str(note.fee_rate)))
    config = note.fee_parameters.raw_fee_config
    if config is None or not note.fee_parameters.fees_enabled:
        return Fees()
    return Fees(parse_size(str(config.rate)), config.exponent, parse_size(str(config.rebate_rate)))


def _winner(text: str, market: Market) -> Outcome:
    for outcome in (YES, NO):
        if text in (str(outcome), market.outcomes[outcome], market.token_ids[outcome]):
            return outcome
    raise ValueError(f"winner {text!r} is none of the outcomes")
