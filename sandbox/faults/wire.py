"""What can go wrong with connections, below HTTP and WebSocket, and with the venue or an account as a whole."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sandbox.faults.table import Arguments, Fault, FaultError, Switch
from sandbox.limits import BucketName
from sandbox.messages import LINES, Channel, Close, Cut, Hold, LineKind
from sandbox.modes import Mode
from sandbox.units import SECOND

if TYPE_CHECKING:
    from sandbox.faults.switchboard import Faults

_POST_ONLY_S: Final = 120
_ON: Final = ("line", "seconds")
_SENDABLE: Final = frozenset({1000, 1001, 1002, 1003, 1006, *range(1007, 1015)})


def _lines(arguments: Arguments, *default: LineKind) -> tuple[LineKind, ...]:
    """The kind of connection that is named, all when it is `all`."""
    named: Any = arguments.choice("line", (default[0] if len(default) == 1 else "all", "all", *LINES))
    return LINES if named == "all" else (named,)


@dataclass(slots=True, eq=False, kw_only=True)
class _Held(Switch):
    hold: Hold


def _hold(faults: "Faults", arguments: Arguments, lines: tuple[LineKind, ...], **how: Any) -> int:
    outbox, hold = faults.parts.outbox, Hold(lines, **how)
    outbox.append(hold)

    def undo(_: int) -> None:
        outbox.append(Hold(lines))
        # What else held these lines, and whoever will connect, still does.
        outbox.extend(one.hold for one in faults.on if isinstance(one, _Held) and one.hold.newcomers)

    return faults.arm(_Held(hold=hold, undo=undo, **arguments.ends()))


def _partition(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    direction = arguments.choice("direction", ("both", "in", "out"))
    speed = None if direction == "in" else 0
    return _hold(faults, arguments, _lines(arguments), hears=direction == "out", bytes_per_second=speed)


def _half_open(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    return _hold(faults, arguments, _lines(arguments), hears=False, bytes_per_second=0, newcomers=False)


def _deaf(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    return _hold(faults, arguments, _lines(arguments, "market"), hears=False)


def _narrow(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    speed = arguments.whole("bytes_per_second", 1_000)
    return _hold(faults, arguments, _lines(arguments, "market"), bytes_per_second=speed)


def _cut(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    faults.parts.outbox.append(Cut(_lines(arguments), reset=True))
    return 1


def _close_idle(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    faults.parts.outbox.append(Cut(("http",), reset=False))
    return 1


def _drop_ws(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    code = arguments.whole("code", 1001)
    if code not in _SENDABLE and not 3000 <= code <= 4999:
        raise FaultError(f"expected code as a WebSocket close code that can be sent, or 1006 to say none; found {code}")
    if arguments.choice("channel", ("market", "user")) == "user":
        return faults.parts.user_channel.close_all(code)
    return faults.parts.venue.channel.close_all(code)


def _flap(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    least, most = arguments.seconds_ns("least", 1), arguments.seconds_ns("most", 3)
    wanted = arguments.choice("channel", ("market", "user"))
    parts, on_opened = faults.parts, faults.parts.venue.channel.impairments.on_opened

    def opened(connection: int, channel: Channel, opened_ns: int) -> None:
        if channel == wanted and switch in faults.on:
            due_ns = opened_ns + parts.random.randint(min(least, most), most)
            parts.schedule.at(due_ns, lambda _: parts.outbox.append(Close(connection, 1006, "")))
            faults.spend(switch, opened_ns, connection=connection)

    switch = Switch(**arguments.ends(seconds=60))
    return faults.listen(on_opened, opened, switch)


def _mode(faults: "Faults", entered: tuple[Mode, ...], **ends: Any) -> int:
    """Be on until the venue is in none of the modes any more that the switch has brought it into."""
    modes = faults.parts.modes

    def undo(now_ns: int) -> None:
        if modes.mode in entered:
            modes.normal(now_ns)

    return faults.arm(Switch(undo=undo, **ends))


def _restart(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    seconds = arguments.seconds_ns("seconds", 90) // SECOND
    faults.parts.modes.restart(now_ns, seconds)
    until_ns = now_ns + (seconds + _POST_ONLY_S) * SECOND
    return _mode(faults, ("restarting", "post_only"), fault=arguments.fault, until_ns=until_ns)


def _post_only(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    seconds = arguments.seconds_ns("seconds", _POST_ONLY_S) // SECOND
    faults.parts.modes.post_only(now_ns, seconds)
    return _mode(faults, ("post_only",), fault=arguments.fault, until_ns=now_ns + seconds * SECOND)


def _cancel_only(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    faults.parts.modes.cancel_only(now_ns)
    return _mode(faults, ("cancel_only",), **arguments.ends())


def _disabled(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    faults.parts.modes.disabled(now_ns)
    return _mode(faults, ("disabled",), **arguments.ends())


def _closed_only(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    account = arguments.account()
    account.closed_only = True

    def undo(_: int) -> None:
        account.closed_only = False

    return faults.arm(Switch(undo=undo, **arguments.ends()))


def _drain_bucket(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    name: BucketName = "cancels" if arguments.choice("bucket", ("cancels", "orders")) == "cancels" else "orders"
    address, buckets = arguments.account().address, faults.parts.buckets
    left = int(buckets.charge(address, name, 0, now_ns).headers["Poly-RateLimit-Remaining"])
    buckets.charge(address, name, max(left, 0), now_ns)
    if name == "cancels":
        buckets.debit(address, arguments.whole("debt", 50, 0), now_ns)
    return max(left, 0)


ROWS: Final = (
    Fault("close_idle", ("F07",), "close all HTTP connections that clients keep", (), "at once", _close_idle),
    Fault("cut_lines", ("F05", "F20"), "reset all connections of a kind", ("line",), "at once", _cut),
    Fault("drain_bucket", ("F11",), "empty a signer's bucket, or leave its cancels in debt",
          ("account", "bucket", "debt"), "at once", _drain_bucket),
    Fault("restart", ("F15",), "restart the matching engine: 425, then two minutes post-only",
          ("seconds",), "seconds 90, then 120", _restart),
    Fault("post_only", ("F15",), "take only post-only orders and cancels", ("seconds",), "seconds 120", _post_only),
    Fault("cancel_only", ("F16",), "take only cancels", ("seconds",), "cleared", _cancel_only),
    Fault("disabled", ("F16",), "take neither orders nor cancels", ("seconds",), "cleared", _disabled),
    Fault("closed_only", ("F17",), "put an account into closed-only mode", ("account", "seconds"), "cleared",
          _closed_only),
    Fault("half_open", ("F20",), "let present connections of a kind stand open for ever without a word", _ON, "cleared",
          _half_open),
    Fault("partition", ("F21",), "let nothing through on old and new connections, in one direction or both",
          (*_ON, "direction"), "cleared", _partition),
    Fault("flap", ("F26",), "drop every new socket after 1 to 3 seconds",
          ("channel", "least", "most", "seconds", "count"), "seconds 60", _flap),
    Fault("deaf", ("F37",), "read nothing of what clients send, until their window is full", _ON, "cleared", _deaf),
    Fault("narrow", ("F37", "F06"), "send only so many bytes a second", (*_ON, "bytes_per_second"), "cleared", _narrow),
    Fault("drop_ws", ("F39",), "close every socket of a channel with a code", ("code", "channel"), "at once", _drop_ws),
)  # fmt: skip
