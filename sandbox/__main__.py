"""`python -m sandbox`: start a local Polymarket on loopback."""

import argparse
import json
import math
import socket
import sys
import time
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import TextIO

from sandbox.exchange import Exchange, Setup
from sandbox.faults.plan import PLANS
from sandbox.limits import TIERS
from sandbox.server import Server, endpoints
from sandbox.units import MILLISECOND, SHARE
from sandbox.world.profiles import PROFILES
from sandbox.world.recording import RecordingError, load
from sandbox.world.replay_markets import load_facts

_EXAMPLES = """Example: keel sandbox --port 9100 --profile sports_inplay --seed 7
then, in another terminal: keel run --sandbox http://127.0.0.1:9100
"""


def main(arguments: list[str]) -> int:
    """Serve until SIGTERM or SIGINT. Exits with 2 on a bad flag, 1 on a bad recording or a port that is taken."""
    options = _options(arguments)
    begin_ns = time.time_ns() if options.begin is None else options.begin
    try:
        exchange = _exchange(options, begin_ns)
        listener = _listener(options.port)
    except RecordingError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if error.filename is not None:
            print(f"sandbox: {error.filename}: {error.strerror}", file=sys.stderr)
            return 1
        print(f"sandbox: port {options.port}: {error.strerror}; --port 0 takes a free one", file=sys.stderr)
        return 1
    where = endpoints(listener.getsockname()[1])
    exchange.introduce(endpoints=where, clock_speed=options.clock_speed)
    Server(exchange, begin_ns, options.clock_speed).run(listener, _first_line(options, exchange, where))
    return 0


def _exchange(options: argparse.Namespace, begin_ns: int) -> Exchange:
    # Who signs by the clock on the wall would be refused by a clock that runs otherwise.
    own_clock = options.begin is not None or options.clock_speed != 1
    exchange = Exchange(
        Setup(
            seed=options.seed,
            protocol=options.protocol,
            accounts=options.accounts,
            signature_types=options.signature_types,
            account_cash=options.cash * SHARE,
            clock_tolerance_s=None if own_clock else 30,
            tier=options.tier,
        )
    )
    if options.log is not None:
        # Line by line, so that what a killed sandbox did can be read.
        file = options.log.open("w", buffering=1, encoding="utf-8")
        exchange.log.on_line.append(lambda line: _write(file, line))
    if options.replay is None:
        reacts = options.outside != "fixed"
        exchange.populate(options.profile, begin_ns, count=options.markets_count, reacts=reacts)
    else:
        facts = load_facts(options.markets) if options.markets else ()
        exchange.replay(load(options.replay), facts, options.speed, begin_ns)
    exchange.go_wrong(options.faults, begin_ns)
    return exchange


def _write(file: TextIO, line: str) -> None:
    file.write(line + "\n")


def _listener(port: int) -> socket.socket:
    # Said in full, or asyncio leaves Nagle's algorithm on: every answer would wait 40 ms for the client's next packet.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    # From here on the kernel takes connections, so whoever reads the first line can connect at once.
    listener.listen(512)
    return listener


def _first_line(options: argparse.Namespace, exchange: Exchange, where: dict[str, str]) -> str:
    markets = exchange.describe_markets()
    if options.json:
        known = {**where, "accounts": exchange.accounts.describe(), "markets": markets}
        return json.dumps(known, separators=(",", ":"))
    lines = [f"a local Polymarket with {len(markets)} markets; stop it with Ctrl-C"]
    return "\n".join(lines + [f"  {name:<17} {url}" for name, url in where.items()])


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = _parser()
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        words = parser.format_usage().replace("[", " ").replace("]", " ").split()
        flags = [word[2:] for word in words if word.startswith("--")]
        near = get_close_matches(unknown[0].partition("=")[0].lstrip("-"), flags, n=1)
        parser.error(f"unknown argument {unknown[0]}: {f'did you mean --{near[0]}?' if near else 'see --help'}")
    if options.replay is None and (options.markets is not None or options.speed is not None):
        parser.error("--markets and --speed describe a replay: add --replay FILE")
    world = (options.profile, options.markets_count, options.outside)
    if options.replay is not None and any(said is not None for said in world):
        parser.error("--replay takes its markets and traders from the recording: leave out --profile, --markets-count "
                     "and --outside")  # fmt: skip
    options.profile = options.profile or "demo"
    options.speed = options.speed or 1.0
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "sandbox", description=__doc__, epilog=_EXAMPLES, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--port", type=_port, default=0, help="TCP port on 127.0.0.1, 0 for a free one (default 0)")
    parser.add_argument("--json", action="store_true", help="first print all addresses, accounts and markets")
    parser.add_argument("--profile", choices=tuple(PROFILES), help="the generated world (default demo)")
    parser.add_argument(
        "--markets-count", type=_positive, metavar="N", help="how many markets (crypto_5m: coins; neg_risk: events)"
    )
    parser.add_argument(
        "--outside", choices=("reacts", "fixed"), help="whether others see what accounts do (default reacts)"
    )
    parser.add_argument("--faults", choices=PLANS, default="none", help="what goes wrong by itself (default none)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same world (default 1)")
    parser.add_argument("--clock-speed", type=_factor, default=1.0, metavar="N", help="run its clock N times as fast")
    parser.add_argument("--begin", type=_moment, metavar="TIME", help="where its clock begins, ISO 8601 (default now)")
    parser.add_argument(
        "--protocol", choices=("1", "2", "3", "mixed"), default="2", help="generation of orders (default 2)"
    )
    parser.add_argument("--accounts", type=_positive, default=2, metavar="N", help="funded accounts (default 2)")
    parser.add_argument(
        "--signature-types", type=_signature_types, default=(0,), metavar="LIST",
        help="of the first accounts, such as 0,1,2: all others are deposit wallets (default 0)",
    )  # fmt: skip
    parser.add_argument("--cash", type=_positive, default=10_000, metavar="N", help="dollars of each (default 10000)")
    parser.add_argument("--tier", choices=tuple(TIERS), default="Standard", help="their rate tier (default Standard)")
    parser.add_argument("--log", type=Path, metavar="FILE", help="write down all that it sees and does, as JSON lines")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="play recorded frames, one JSON frame per line")
    parser.add_argument("--markets", type=Path, metavar="FILE", help="what the recording does not say of its markets")
    parser.add_argument("--speed", type=_factor, metavar="X", help="play the recording X times as fast (default 1)")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, found {text!r}")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, found {text!r}")
    return int(text)


def _signature_types(text: str) -> tuple[int, ...]:
    types = text.split(",")
    if not set(types) <= {"0", "1", "2", "3"}:
        raise argparse.ArgumentTypeError(f"expected numbers from 0 to 3 with commas between, found {text!r}")
    return tuple(int(one) for one in types)


def _moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a time such as 2026-10-05T12:00:00Z, found {text!r}") from None
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(milliseconds=1) * MILLISECOND


def _factor(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0.0 < factor < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, found {text!r}")
    return factor


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
