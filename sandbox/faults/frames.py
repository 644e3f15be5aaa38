"""What can go wrong with frames: lost, doubled, late, spoilt, larger than anybody should take, or not frames at all."""

import struct
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sandbox import wire
from sandbox.books import OPPOSITE
from sandbox.faults.impairments import Copies, Filter, doubled, lost, rewritten
from sandbox.faults.table import ENDS, Arguments, Fault, Switch
from sandbox.markets import Event, Market, digest_id, token_id
from sandbox.messages import Send, SendRaw
from sandbox.units import MILLISECOND, ONE, SECOND, SHARE

if TYPE_CHECKING:
    from sandbox.faults.switchboard import Faults

_CHANNELS: Final = ("market", "user")
_MUTATIONS: Final = ("unknown_event", "unknown_field", "renamed", "missing", "numbers", "seconds", "empty")
_EMPTIED: Final = frozenset({"size_matched", "created_at", "outcome", "transaction_hash", "best_bid", "best_ask"})
"""Fields that the venue has been seen to send as empty texts."""
_GARBAGE: Final = '{"event_type":"price_change","price_changes":[{"asset_id":'
_PIECE: Final = 1 << 16
_TEXT: Final = 0x1
_FIN: Final = 0x80
_RSV1: Final = 0x40


def _row(
    name: str,
    ids: tuple[str, ...],
    says: str,
    make: Callable[["Faults", Arguments], Callable[[Send, int], Copies]],
    *,
    kind: str = "",
    takes: tuple[str, ...] = (),
    count: int | None = None,
    seconds: int | None = None,
) -> Fault:
    """A row whose switch acts on the frames of a channel, or of one market when that is named."""

    def throw(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
        channel: Any = arguments.choice("channel", _CHANNELS)
        market = arguments.market().condition_id if arguments.has("market") else ""
        wanted = arguments.text("kind", kind if channel == "market" else "")
        ends = arguments.ends(count, seconds)
        return faults.arm(Filter(act=make(faults, arguments), channel=channel, market=market, kind=wanted, **ends))

    ending = "cleared" if count is None and seconds is None else f"count {count}" if count else f"seconds {seconds}"
    return Fault(name, ids, says, (*takes, "channel", "market", "kind", *ENDS), ending, throw)


def _always(act: Callable[[Send, int], Copies]) -> Callable[["Faults", Arguments], Callable[[Send, int], Copies]]:
    return lambda faults, arguments: act


def _shuffle(faults: "Faults", arguments: Arguments) -> Callable[[Send, int], Copies]:
    within_ns = min(arguments.seconds_ns("within", 5), 5 * SECOND)
    return lambda send, now_ns: ((now_ns + faults.parts.random.randint(0, within_ns), send),)


def _late(faults: "Faults", arguments: Arguments) -> Callable[[Send, int], Copies]:
    delay_ns = arguments.seconds_ns("delay", 3)
    return lambda send, now_ns: ((now_ns + delay_ns, send),)


def _corrupted(text: str) -> str:
    """Another size in a level change, whose hash stays that of the true book."""
    frame = msgspec.json.decode(text)
    changes = frame["price_changes"]
    for entry in changes:
        if entry["price"] == changes[0]["price"] and entry["asset_id"] == changes[0]["asset_id"]:
            entry["size"] = "77777.77"
    return wire.encode(frame)


def _mutate(faults: "Faults", arguments: Arguments) -> Callable[[Send, int], Copies]:
    how = arguments.choice("how", _MUTATIONS)

    def mutated(text: str) -> str:
        frame = msgspec.json.decode(text)
        for one in frame if isinstance(frame, list) else [frame]:
            _mutate_one(one, how)
        return wire.encode(frame)

    return rewritten(mutated)


def _mutate_one(frame: dict[str, Any], how: str) -> None:
    if how == "unknown_event":
        frame["event_type"] = "weather_changed"
    elif how == "unknown_field":
        frame["sentiment"] = {"score": 0.7, "of": [1, None, "x"]}
    elif how == "renamed":
        frame["market_id"] = frame.pop("market", "")
    elif how == "missing":
        frame.pop("market", None)
    elif how == "seconds":
        frame["timestamp"] = frame["timestamp"][:-3]
    elif how == "empty":
        frame |= dict.fromkeys(_EMPTIED & frame.keys(), "")
    else:
        frame["timestamp"] = int(frame["timestamp"])
        for entry in frame.get("price_changes", [frame] if "price" in frame else []):
            entry["price"] = float(entry["price"])


def _never_snapshot(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    """One token of many is never heard of, whatever else its frames say."""
    market = arguments.market()
    token = market.token_ids[arguments.outcome(market)]

    def act(send: Send, now_ns: int) -> Copies:
        frame = msgspec.json.decode(send.text)
        if isinstance(frame, list):
            left = [book for book in frame if book.get("asset_id") != token]
            return ((now_ns, replace(send, text=wire.encode(left) + "\n")),)
        if frame.get("asset_id") == token:
            return ()
        frame["price_changes"] = [one for one in frame.get("price_changes", ()) if one["asset_id"] != token]
        return ((now_ns, replace(send, text=wire.encode(frame))),) if frame["price_changes"] else ()

    return faults.arm(Filter(act=act, holding=token, **arguments.ends()))


def _raw(header: int, payload: bytes, length: int | None = None, mask: int = 0) -> bytes:
    """A WebSocket frame of these first bytes, which may announce another length than it has."""
    size = len(payload) if length is None else length
    if size < 126:
        return bytes((header, mask | size)) + payload
    if size < 1 << 16:
        return bytes((header, mask | 126)) + struct.pack("!H", size) + payload
    return bytes((header, mask | 127)) + struct.pack("!Q", size) + payload


def _bad_frame(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    market = arguments.market()
    audience = faults.parts.venue.channel.audience(market)
    said = b'{"event_type":"price_change"}'
    effect = {
        "utf8": SendRaw(audience, _raw(_FIN | _TEXT, b'{"event_type":"\xff\xfe\xc0"}')),
        "binary": Send(audience, said),
        "rsv1": SendRaw(audience, _raw(_FIN | _RSV1 | _TEXT, said)),
        "masked": SendRaw(audience, _raw(_FIN | _TEXT, b"\x00\x00\x00\x00" + said, len(said), 0x80)),
    }[arguments.choice("how", ("utf8", "binary", "rsv1", "masked"))]
    if audience:
        faults.parts.outbox.append(effect)
    return len(audience)


def _garbage(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    return faults.parts.venue.channel.send_raw(arguments.market(), _GARBAGE)


def _huge_frame(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    """Announce a frame and begin it; it would go on for as long as anybody reads."""
    audience = faults.parts.venue.channel.audience(arguments.market())
    size = arguments.whole("mb", 300) * 1_000_000
    faults.parts.outbox.append(SendRaw(audience, _raw(_FIN | _TEXT, b" " * _PIECE, size)))
    return len(audience)


def _endless(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    """Begin a message and never end it, with new pieces every ten milliseconds."""
    parts = faults.parts
    audience = parts.venue.channel.audience(arguments.market())
    switch = Switch(**arguments.ends(seconds=10))
    parts.outbox.append(SendRaw(audience, _raw(_TEXT, b"[")))

    def piece(due_ns: int) -> None:
        if switch in faults.on:
            parts.outbox.append(SendRaw(audience, _raw(0, b" " * _PIECE)))
            parts.schedule.at(due_ns + 10 * MILLISECOND, piece)

    faults.arm(switch)
    parts.schedule.at(now_ns + 10 * MILLISECOND, piece)
    return len(audience)


def _big_snapshot(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    """The true books of both tokens, again and again in one array, as the venue is free to send them."""
    market = arguments.market()
    size = arguments.whole("bytes", 2_000_000, high=50_000_000)
    both = ",".join(wire.first_book(market, token) for token in (0, 1))
    return faults.parts.venue.channel.send_raw(market, f"[{','.join([both] * (size // len(both) + 1))}]\n")


def _storm(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    """Listings or results of markets that nobody has heard of before."""
    venue, count = faults.parts.venue, arguments.whole("count", 1_000, high=100_000)
    write = wire.new_market if arguments.choice("kind", ("new_market", "market_resolved")) == "new_market" else _ended
    pattern = venue.catalogue.markets[0]
    for number in range(count):
        slug = f"storm-{now_ns}-{number}"
        market = replace(
            pattern,
            slug=slug,
            condition_id=digest_id("storm", slug),
            token_ids=(token_id("storm", slug, "0"), token_id("storm", slug, "1")),
            event=Event(slug, pattern.event.title),
        )
        venue.channel.publish_to_all(write(market, now_ns))
    return count


def _ended(market: Market, now_ns: int) -> str:
    return wire.market_resolved(market, 0, now_ns)


def _replay_batch(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    channel: Any = arguments.choice("channel", _CHANNELS)
    market = arguments.market().condition_id if arguments.has("market") else ""
    recent = faults.parts.venue.channel.impairments.recent(channel, market)[-arguments.whole("count", 50) :]
    faults.parts.outbox.extend(recent)
    return len(recent)


def _wrong_book(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    """Level changes that never happened; the next full book puts them right."""
    market = arguments.market()
    how = arguments.choice("how", ("crossed", "locked", "empty", "zero"))
    bid, ask = market.book.touch(0)
    bid, ask = bid or market.tick, ask or ONE - market.tick
    changes: list[wire.Change] = []
    if how == "crossed":
        changes.append((0, "BUY", min(ask + market.tick, ONE - market.tick), 10 * SHARE))
    elif how == "locked":
        changes.append((0, "BUY", ask, 10 * SHARE))
    elif how == "empty":
        changes.extend((0, "BUY", price, 0) for price in range(bid, 0, -market.tick))
    else:
        changes.extend(((0, "BUY", bid, 0), (0, "SELL", ask, 0)))
    both = [*changes, *((1, OPPOSITE[side], ONE - at, size) for _, side, at, size in changes)]
    return faults.parts.venue.channel.send_raw(market, wire.price_change(market, both, now_ns))


ROWS: Final = (
    _row("silence", ("F24",), "send nothing of a market, or of all, while sockets and PONG go on", _always(lost),
         seconds=60),
    Fault("never_snapshot", ("F25",), "never say anything of one token of a market", ("market", "outcome", *ENDS),
          "cleared", _never_snapshot),
    _row("duplicate", ("F27",), "send frames twice", _always(doubled)),
    Fault("replay_batch", ("F27",), "send the last frames once more", ("channel", "market", "count"), "at once",
          _replay_batch),
    _row("shuffle", ("F28",), "let frames arrive in another order, each up to 5 seconds late", _shuffle,
         takes=("within",)),
    _row("late_frames", ("F12", "F28"), "let frames arrive late", _late, takes=("delay",)),
    _row("lose_frames", ("F29",), "lose frames", _always(lost), count=1),
    _row("lose_deltas", ("F30",), "lose the next price_change frames of a market", _always(lost),
         kind="price_change", count=1),
    _row("corrupt_delta", ("F30",), "change a size in the next price_change frames and leave their hashes",
         _always(rewritten(_corrupted)), kind="price_change", count=1),
    Fault("wrong_book", ("F31",), "show a market crossed, locked, with an empty side or with zero sizes",
          ("market", "how"), "at once", _wrong_book),
    _row("mutate", ("F33",), "change the schema of the next frames", _mutate, takes=("how",), count=1),
    Fault("garbage", ("F33",), "send a frame that is cut in the middle", ("market",), "at once", _garbage),
    Fault("bad_frame", ("F34",), "send invalid UTF-8, a binary frame, one with RSV1 set or a masked one",
          ("market", "how"), "at once", _bad_frame),
    Fault("huge_frame", ("F35",), "announce a frame of 300 MB", ("market", "mb"), "at once", _huge_frame),
    Fault("endless_frame", ("F35",), "begin a message whose continuation never ends", ("market", "seconds"),
          "seconds 10", _endless),
    Fault("big_snapshot", ("F36",), "send a legal snapshot of 2 MB", ("market", "bytes"), "at once", _big_snapshot),
    Fault("storm", ("F38",), "announce or resolve 1,000 unknown markets at once", ("kind", "count"), "at once", _storm),
)  # fmt: skip
