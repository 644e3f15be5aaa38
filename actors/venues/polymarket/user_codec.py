"""Polymarket's word on our orders and fills, from the user channel or from REST, into our messages.

    order  -> OrderAccepted, OrderCancelled        trade  -> TradeReported, one for each of our orders in it
    an order of our account that is not ours, in either -> ForeignOrderSeen
    what cannot be understood -> MalformedFrame, which names the market that lost something

Nothing is remembered: what the venue repeats is said again, and the ledger counts it once.

Which part of a trade is ours is decided by order ids, for we know them before anything is sent. The venue tells nobody
else's orders on this channel and in these lists, so an order that we do not own is a second writer's. Only among the
makers of a trade do others stand beside us; there the API key and the wallet tell whose an unknown order is.

Why an order is never `OrderRejected` here: whoever kills a FOK order at once and whoever kills it after the taker delay
send the same frame. A cancellation ends an order in every state, a rejection only one that was not accepted.

Why a status or an id that needs cleaning is marked: `CONF<zero width>IRMED` is no word of the venue's, but without the
character that hides in it, it would settle a fill. So it is unknown, and the fill provisional.

Why a text that says too much is refused whole: it is decoded event by event, and a million of them, none of which means
anything, would hold the feed for minutes. What is lost is read by REST.

Why a status decides and not the sizes: an order may end at 99.997714 of 100 and say MATCHED, and one that was cancelled
after a partial fill says MATCHED, too. Only a resting order's PLACEMENT is no end, whatever its status.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final, Protocol, TypeAlias

import msgspec

from actors.venues.polymarket.codec import PLAIN_TEXTS, TOKEN_ID, UNKNOWN_EVENT, MalformedFrame
from actors.venues.polymarket.user_fills import Told, maker_pieces, maker_side, report, taker_pieces
from actors.venues.polymarket.user_wire import (
    Moment,
    WireEvent,
    WireOrder,
    WireOrderEvent,
    WirePart,
    WireTrade,
    WireTradeEvent,
    unknown_keys,
)
from models.markets import NO, YES, Market, Outcome, Side
from models.messages.base import MarketId
from models.messages.orders import ForeignOrderSeen, OrderAccepted, OrderCancelled, TradeReported
from models.strict_json import AmbiguousJson, refuse_ambiguous
from models.text import clean
from models.units import parse_size

UserDecoded: TypeAlias = OrderAccepted | OrderCancelled | TradeReported | ForeignOrderSeen | MalformedFrame

_Decode: TypeAlias = Callable[[bytes], WireOrder | WireTrade]

_PREFIXES: Final = ("ORDER_STATUS_", "TRADE_STATUS_")
_OPEN: Final = frozenset({"LIVE", "DELAYED", "UNMATCHED"})
_TAKES: Final = frozenset({"FOK", "FAK"})
_TYPES: Final = frozenset({"", "PLACEMENT", "UPDATE", "CANCELLATION"})
_UNREADABLE: Final = (msgspec.DecodeError, AmbiguousJson, RecursionError)
_TEXT_BYTES_MAX: Final = 512 * 1024
_ROWS_MAX: Final = 1_000
_MARKET: Final = re.compile(rb'"market"\s*:\s*"([!-~]{1,80}?)"')
_PLAIN_WORD: Final = re.compile(r"[!-~]{1,100}").fullmatch
_NAMES_COUNTED_MAX: Final = 64
_SECONDS_END: Final = 10**11
_MILLISECONDS_END: Final = 10**14


class OwnAccount(Protocol):
    """What is ours. `owns` must know every order that was ever signed, of earlier runs too, before it is sent."""

    @property
    def api_key(self) -> str:
        """The key that the venue calls the owner of our orders."""
        ...

    @property
    def wallet(self) -> str:
        """The address that holds our money."""
        ...

    def owns(self, order_id: str) -> bool:
        """Whether we signed this order. Asked by a feed's thread."""
        ...


class UserCounts(msgspec.Struct):
    """What passed through a codec. `unknown_fields` counts keys that we never heard of, by name."""

    plain_texts: int = 0
    malformed: int = 0
    unknown_fields: Counter[str] = msgspec.field(default_factory=Counter[str])


class UserCodec:
    """Decodes what the venue says of one account. `markets` are those whose fills can be read; others may be added.

    The kinds of `MalformedFrame` are those of the market channel, and: `token` (a fill of ours in a token that we do
    not know), `status` (an order neither open nor over), `whose` (a trade in which nothing is ours), `parts` (makers
    that do not add up to the taker's size; the fill is told all the same, its cash is not exact).
    """

    def __init__(self, markets: Iterable[Market], account: OwnAccount) -> None:
        self.counts = UserCounts()
        self._account = account
        self._wallet = account.wallet.lower()
        self._tokens: dict[str, tuple[Market, Outcome]] = {}
        self._markets: dict[str, MarketId] = {}
        for market in markets:
            self.add(market)
        self._events: msgspec.json.Decoder[WireEvent] = msgspec.json.Decoder(WireEvent)
        self._rest_orders = msgspec.json.Decoder(WireOrder)
        self._rest_trades = msgspec.json.Decoder(WireTrade)

    def add(self, market: Market) -> None:
        """Read the fills of one more market, or by its newer description."""
        yes, no = market.token_ids
        self._tokens |= {yes: (market, YES), no: (market, NO)}
        self._markets[market.condition_id or market.id] = market.id

    def decode(self, raw: bytes, received_ns: int) -> tuple[UserDecoded, ...]:
        """Decode one message of the user channel: an event, an array of them, or a plain text."""
        text = raw.strip()
        if text in PLAIN_TEXTS:
            self.counts.plain_texts += 1
            return ()
        if len(text) > _TEXT_BYTES_MAX:
            return (self._malformed("text", f"{len(text)} bytes, more than {_TEXT_BYTES_MAX}", b""),)
        return self._each(text, self._events.decode, received_ns)

    def decode_orders(self, raw: bytes, received_ns: int) -> tuple[UserDecoded, ...]:
        """Decode one order of REST, an array of them, or a page."""
        return self._each(raw.strip(), self._rest_orders.decode, received_ns)

    def decode_trades(self, raw: bytes, received_ns: int) -> tuple[UserDecoded, ...]:
        """Decode one trade of REST, an array of them, or a page."""
        return self._each(raw.strip(), self._rest_trades.decode, received_ns)

    def _each(self, text: bytes, decode: _Decode, received_ns: int) -> tuple[UserDecoded, ...]:
        """Decode the objects of a text one by one: a bad one must not take the others with it."""
        try:
            rows = _rows(text)
        except _UNREADABLE as error:
            return (self._malformed("text", str(error), text),)
        except _NotUnderstood as error:
            return (self._malformed(error.kind, str(error), b""),)
        return tuple(decoded for row in rows for decoded in self._one(row, decode, received_ns))

    def _one(self, raw: bytes, decode: _Decode, received_ns: int) -> tuple[UserDecoded, ...]:
        try:
            wire = decode(raw)
            refuse_ambiguous(raw)
            self._count_unknown(wire, raw)
            if isinstance(wire, WireOrder):
                return (self._order(wire, received_ns),)
            return self._trade(wire, raw, received_ns)
        except msgspec.ValidationError as error:
            return (self._malformed("event" if UNKNOWN_EVENT in str(error) else "shape", str(error), raw),)
        except _UNREADABLE as error:
            return (self._malformed("text", str(error), raw),)
        except _NotUnderstood as error:
            return (self._malformed(error.kind, str(error), raw),)
        except ValueError as error:
            return (self._malformed("number", str(error), raw),)

    # Orders

    def _order(self, wire: WireOrder, received_ns: int) -> UserDecoded:
        order_id, event, moment = _name(wire.id), "", ""
        if isinstance(wire, WireOrderEvent):
            event, moment = wire.type, wire.timestamp
        at_ns = _moment_ns(moment, received_ns)
        market = self._market_of(wire.asset_id, wire.market)
        if not self._account.owns(order_id):
            return ForeignOrderSeen(order_id, market, None, at_ns)
        status = _bare(wire.status)
        if _is_over(event, status, wire.order_type):
            return OrderCancelled(order_id, market, parse_size(wire.size_matched or "0"), status, at_ns)
        if event not in _TYPES or not (status in _OPEN or (event == "PLACEMENT" and status == "MATCHED")):
            raise _NotUnderstood("status", f"an order event {event!r} of status {status!r}")
        return OrderAccepted(order_id, market, at_ns)

    # Trades

    def _trade(self, wire: WireTrade, raw: bytes, received_ns: int) -> tuple[UserDecoded, ...]:
        trade_id, taker_id, owns = _name(wire.id), _name(wire.taker_order_id), self._account.owns
        moment = wire.timestamp if isinstance(wire, WireTradeEvent) else wire.last_update
        told = Told(trade_id, _bare(wire.status), _moment_ns(moment, received_ns))
        market = self._market_of(wire.asset_id, wire.market)
        out: list[UserDecoded] = []
        if owns(taker_id):
            out += self._taken(wire, told, taker_id, raw)
        elif wire.trader_side == "TAKER":
            out.append(ForeignOrderSeen(taker_id, market, trade_id, told.at_ns))
        for order_id, parts in _by_order(wire.maker_orders).items():
            if owns(order_id):
                out.append(self._made(wire, told, order_id, parts))
            elif any(self._is_ours(part) for part in parts):
                out.append(ForeignOrderSeen(order_id, market, trade_id, told.at_ns))
        if not out:
            raise _NotUnderstood("whose", f"nothing in trade {trade_id} is ours")
        return tuple(out)

    def _taken(self, wire: WireTrade, told: Told, order_id: str, raw: bytes) -> list[UserDecoded]:
        """Report our order as the taker."""
        market, outcome = self._known(wire.asset_id)
        pieces, exact = taker_pieces(wire)
        out: list[UserDecoded] = [report(told, order_id, market, outcome, Side(wire.side), pieces, maker=False)]
        if not exact:
            out.append(self._malformed("parts", f"the makers of {told.trade_id} do not add up to its size", raw))
        return out

    def _made(self, wire: WireTrade, told: Told, order_id: str, parts: list[WirePart]) -> TradeReported:
        """Report our order as one of the makers; what stands at the top of the trade is the taker's."""
        market, outcome = self._known(parts[0].asset_id)
        side = maker_side(wire, parts)
        return report(told, order_id, market, outcome, side, maker_pieces(side, parts), maker=True)

    def _is_ours(self, part: WirePart) -> bool:
        return part.owner == self._account.api_key or part.maker_address.lower() == self._wallet

    # What is known

    def _known(self, token_id: str) -> tuple[Market, Outcome]:
        known = self._tokens.get(token_id)
        if known is None:
            raise _NotUnderstood("token", f"a fill of ours in token {token_id[:80]!r}, which is not known")
        return known

    def _market_of(self, token_id: str, condition_id: str) -> MarketId:
        known = self._tokens.get(token_id)
        return known[0].id if known is not None else self._markets.get(condition_id) or clean(condition_id, 80)

    def _count_unknown(self, wire: WireOrder | WireTrade, raw: bytes) -> None:
        keys = frozenset(msgspec.json.decode(raw, type=dict[str, msgspec.Raw]))
        counted = self.counts.unknown_fields
        for key in sorted(unknown_keys(wire, keys)):
            if key in counted or len(counted) < _NAMES_COUNTED_MAX:
                counted[key] += 1

    def _malformed(self, kind: str, detail: str, raw: bytes) -> MalformedFrame:
        self.counts.malformed += 1
        return MalformedFrame(kind, clean(detail), None if kind == "event" else self._market_in(raw))

    def _market_in(self, raw: bytes) -> MarketId | None:
        """Find the market that a text is about, however broken it is; its condition id where we do not know it."""
        for token in TOKEN_ID.finditer(raw):
            known = self._tokens.get(token[1].decode())
            if known is not None:
                return known[0].id
        found = _MARKET.search(raw)
        return None if found is None else self._market_of("", found[1].decode())


class _NotUnderstood(Exception):
    """What the venue said means nothing to us; `kind` counts it."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


def _by_order(parts: list[WirePart]) -> dict[str, list[WirePart]]:
    found: dict[str, list[WirePart]] = {}
    for part in parts:
        found.setdefault(_name(part.order_id), []).append(part)
    return found


def _is_over(event: str, status: str, order_type: str) -> bool:
    if event == "CANCELLATION" or status.startswith("CANCEL") or status == "INVALID":
        return True
    return status == "MATCHED" and (event != "PLACEMENT" or order_type in _TAKES)


def _rows(text: bytes) -> list[bytes]:
    """Return the objects of a text: those of an array or of a page, or the text itself. Raises _NotUnderstood."""
    if text.startswith(b"{"):
        listed = msgspec.json.decode(text, type=_Listed).data
        if listed is msgspec.UNSET:
            return [text]
    else:
        listed = msgspec.json.decode(text, type=list[msgspec.Raw])
    if len(listed) > _ROWS_MAX:
        raise _NotUnderstood("text", f"{len(listed)} events at once, more than {_ROWS_MAX}")
    return [bytes(row) for row in listed]


class _Listed(msgspec.Struct):
    data: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET


def _bare(status: str) -> str:
    for prefix in _PREFIXES:
        status = status.removeprefix(prefix)
    return _word(status)


def _name(text: str) -> str:
    """Return an id, which is shown and compared. Raises ValueError for none."""
    name = _word(text)
    if name in ("", "?"):
        raise ValueError("an id is empty")
    return name


def _word(text: str) -> str:
    """Return a text as it is, or where something had to be cleaned off it marked: then it is no word that we know."""
    if _PLAIN_WORD(text):  # all but always, and thirty times in a trade of thirty makers
        return text
    plain = clean(text)
    return plain if plain == text else f"?{plain}"


def _moment_ns(moment: Moment, received_ns: int) -> int:
    """Return a time of the venue in nanoseconds, or when we heard of it where it does not say. Raises ValueError."""
    if moment == "":
        return received_ns
    text = str(moment)
    if not (text.isascii() and text.isdigit()) or len(text) > 15 or int(text) >= _MILLISECONDS_END:
        raise ValueError(f"{text[:40]!r} is no time in seconds or milliseconds")
    return int(text) * (1_000_000_000 if int(text) < _SECONDS_END else 1_000_000)
