"""`python -m sandbox`: start a local Polymarket on loopback."""

import argparse
import json
import math
import socket
import sys
import time
from difflib import get_close_matches
from pathlib import Path

from sandbox.exchange import Exchange
from sandbox.server import Server, endpoints
from sandbox.world.profiles import PROFILES
from sandbox.world.recording import RecordingError, load
from sandbox.world.replay_markets import load_facts


def main(arguments: list[str]) -> int:
    """Serve until SIGTERM or SIGINT. Exits with 2 on a bad flag, 1 on a bad recording or a port that is taken."""
    options = _options(arguments)
    begin_ns = time.time_ns()
    try:
        exchange = _exchange(options, begin_ns)
        listener = _listener(options.port)
    except RecordingError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"sandbox: port {options.port}: {error.strerror}; --port 0 takes a free one", file=sys.stderr)
        return 1
    where = endpoints(listener.getsockname()[1])
    exchange.introduce(endpoints=where, clock_speed=options.clock_speed)
    Server(exchange, begin_ns, options.clock_speed).run(listener, _first_line(options, exchange, where))
    return 0


def _exchange(options: argparse.Namespace, begin_ns: int) -> Exchange:
    exchange = Exchange()
    if options.replay is None:
        exchange.populate(options.profile, options.seed, begin_ns, count=options.markets_count)
    else:
        facts = load_facts(options.markets) if options.markets else ()
        exchange.replay(load(options.replay), facts, options.speed, begin_ns)
    return exchange


def _listener(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    # From here on the kernel takes connections, so whoever reads the first line can connect at once.
    listener.listen(512)
    return listener


def _first_line(options: argparse.Namespace, exchange: Exchange, where: dict[str, str]) -> str:
    markets = exchange.describe_markets()
    if options.json:
        return json.dumps({**where, "accounts": [], "markets": markets}, separators=(",", ":"))
    lines = [f"a local Polymarket with {len(markets)} markets; stop it with Ctrl-C"]
    return "\n".join(lines + [f"  {name:<17} {url}" for name, url in where.items()])


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = _parser()
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        flags = [flag for flag in parser.format_usage().replace("[", " ").replace("]", " ").split() if flag[:2] == "--"]
        near = get_close_matches(unknown[0].partition("=")[0], flags, n=1)
        parser.error(f"unknown argument {unknown[0]}: {f'did you mean {near[0]}?' if near else 'see --help'}")
    if options.replay is None and (options.markets is not None or options.speed is not None):
        parser.error("--markets and --speed describe a replay: add --replay FILE")
    if options.replay is not None and (options.profile is not None or options.markets_count is not None):
        parser.error("--replay takes its markets from the recording: leave out --profile and --markets-count")
    options.profile = options.profile or "demo"
    options.speed = options.speed or 1.0
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("sandbox", description=__doc__, allow_abbrev=False)
    parser.add_argument("--port", type=_port, default=0, help="TCP port on 127.0.0.1, 0 for a free one (default 0)")
    parser.add_argument("--json", action="store_true", help="first print one JSON line with all addresses and markets")
    parser.add_argument("--profile", choices=tuple(PROFILES), help="the generated world (default demo)")
    parser.add_argument("--markets-count", type=_positive, metavar="N", help="how many markets (crypto_5m: coins)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same world (default 1)")
    parser.add_argument("--clock-speed", type=_factor, default=1.0, metavar="N", help="run its clock N times as fast")
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
