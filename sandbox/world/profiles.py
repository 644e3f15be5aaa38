"""The generated worlds by name, and the numbers that make each what it is.

`demo` is small and quick, so that half a minute shows a market maker everything, and `neg_risk` is as quick and has
nothing but events of which one market alone resolves YES. The others follow measured markets: live games
(`sports_inplay`), five-minute crypto windows (`crypto_5m`), both at once at the venue's own scale
(`venue_wide_stress`), and games on a bad line (`adverse`).
"""

from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from random import Random

from sandbox.markets import Event
from sandbox.reference import Reference, ReferenceChannel
from sandbox.units import MILLISECOND, SECOND, SHARE
from sandbox.venue import Venue
from sandbox.world import questions
from sandbox.world.crowd import Crowd, Style
from sandbox.world.draws import (
    always,
    child,
    seconds_apart,
    seconds_around,
    spread_shares,
    weighted,
    whole_shares,
)
from sandbox.world.endings import Ending
from sandbox.world.games import Games
from sandbox.world.makers import Makers
from sandbox.world.misfortunes import Misfortunes
from sandbox.world.population import Breath, Bursts, Churn, LostFrames, Surges, Trades, Walk
from sandbox.world.questions import Question
from sandbox.world.tied import Tie, Windows, linear

_DAY_NS = 86_400 * SECOND
_ENDS_APART_NS = 10 * SECOND

_GAPS_MS = ((0.0, 5.0), (0.1, 53.0), (0.25, 117.0), (0.5, 262.0), (0.75, 861.0), (0.9, 3_932.0), (0.99, 55_790.0))
_CHANGES = weighted([(1, 0.661), (2, 0.215), (3, 0.06), (4, 0.047), (5, 0.011), (6, 0.004), (8, 0.002)])
_DISTANCES = weighted(
    [(0, 0.158), (1, 0.167), (2, 0.169), (3, 0.123), (4, 0.079), (5, 0.057), (6, 0.046)]
    + [(ticks, 0.022) for ticks in (7, 8, 9, 10)]
    + [(ticks, 0.006) for ticks in range(11, 16)]
    + [(20, 0.024), (25, 0.024)]
)

_DEMO = Style(
    levels=always(9),
    spread=weighted([(1, 0.65), (2, 0.2), (3, 0.15)]),
    touch_size=whole_shares(20, 60),
    level_size=whole_shares(40, 200),
    distance=weighted([(1, 1), (2, 1), (3, 1), (4, 1), (5, 1)]),
    changes=weighted([(1, 0.8), (2, 0.2)]),
    removal_share=0.2,
    touch_range=(20 * SHARE, 60 * SHARE),
)
_CRYPTO = Style(
    levels=always(45),
    spread=weighted([(1, 0.95), (2, 0.045), (3, 0.005)]),
    touch_size=spread_shares(300, 1.1, 5, 10_000),
    level_size=spread_shares(100, 1.3, 5, 20_000),
    distance=_DISTANCES,
    changes=_CHANGES,
    removal_share=0.25,
    repair_ns=(20 * MILLISECOND, 80 * MILLISECOND),
)

_COINS = (
    ("BTCUSD", 6_400_000, 600.0),
    ("ETHUSD", 260_000, 40.0),
    ("SOLUSD", 15_000, 4.0),
    ("XRPUSD", 24_000, 6.0),
    ("DOGEUSD", 18_000, 5.0),
    ("BNBUSD", 70_000, 10.0),
    ("HYPEUSD", 4_000, 2.0),
)
"""Names, first prices in cents, and the deviation of a quarter-second's step in cents."""


@dataclass(slots=True)
class World:
    """What a profile is built into; `reacts` says whether its participants see what accounts do."""

    venue: InitVar[Venue]
    references: ReferenceChannel
    random: Random
    issuer: questions.Issuer
    now_ns: int
    reacts: InitVar[bool] = True
    makers: Makers = field(init=False)

    def __post_init__(self, venue: Venue, reacts: bool) -> None:
        self.makers = Makers(venue, reacts=reacts)


@dataclass(frozen=True, slots=True)
class Profile:
    """A world by name; `count` markets unless the caller says otherwise (`crypto_5m`: coins, `neg_risk`: events)."""

    count: int
    build: Callable[[World, int], None]


def _build_demo(world: World, count: int) -> None:
    name, base, step = _COINS[0]
    # A base that it returns to keeps the tied markets away from 0 and 1 however long a demo runs.
    bitcoin = Reference(name, base, step, 0.00125, child(world.random))
    world.references.add(bitcoin, world.now_ns)
    crowds: list[Crowd] = []
    for size, number in _blocks(count):
        if size == 10:
            crowds += [*_game(world, number), *_decision(world, number)]
        else:
            crowds.append(_single(world, questions.election(number), 3_000 + number * 1_300 % 4_000))
        for strike in _strikes(size, number, base):
            crowds.append(_followed(world, bitcoin, strike))
    _enliven(world, crowds)
    LostFrames(crowds, seconds_around(8, 0.2), world.random, world.now_ns)


def _build_neg_risk(world: World, count: int) -> None:
    made = (_decision(world, number // 2) if number % 2 else _game(world, number // 2) for number in range(count))
    _enliven(world, [crowd for crowds in made for crowd in crowds])


def _enliven(world: World, crowds: list[Crowd]) -> None:
    for crowd in crowds:
        Trades(crowd, seconds_around(0.5, 0.1), whole_shares(1, 20), world.random, world.now_ns, alternating=True)
        Churn(crowd, seconds_around(0.8, 0.5), weighted([(1, 1)]), seconds_apart(0.1), 0.0, world.random, world.now_ns)
    Bursts(crowds, seconds_around(9, 0.1), whole_shares(14, 20), world.random, world.now_ns)


def _blocks(count: int) -> list[tuple[int, int]]:
    """Whole blocks of ten markets (three-way game, four-way decision, three more), then single questions."""
    return [(10, number) for number in range(count // 10)] + [(1, number) for number in range(count % 10)]


def _strikes(size: int, number: int, base: int) -> tuple[int, ...]:
    if size == 10:
        return (base + number * 100, base + 12_000 + number * 100, base - 12_000 - number * 100)
    return ()


def _game(world: World, number: int) -> list[Crowd]:
    return _group(world, *questions.soccer(number), (4_400, 2_700, 2_700))


def _decision(world: World, number: int) -> list[Crowd]:
    return _group(world, *questions.rates(number), (1_200, 3_800, 3_400, 1_400))


def _group(world: World, event: Event, asked: tuple[Question, ...], bids: tuple[int, ...]) -> list[Crowd]:
    crowds = [_open(world, question, event, _DEMO, bid) for question, bid in zip(asked, bids, strict=True)]
    # Each step moves two of the markets, so this makes each of them move about once a second.
    Walk(crowds, seconds_around(2 / len(crowds), 0.5), 6, world.random, world.now_ns)
    Ending(crowds, world.now_ns + _DAY_NS, _ENDS_APART_NS, _ends(event))
    return crowds


def _single(world: World, question: Question, bid: int) -> Crowd:
    event = questions.alone(question)
    crowd = _open(world, question, event, _DEMO, bid // 100 * 100)
    Walk([crowd], seconds_around(1, 0.5), 8, world.random, world.now_ns)
    Ending([crowd], world.now_ns + _DAY_NS, 0, _ends(event))
    return crowd


def _ends(event: Event) -> Random:
    return Random(f"end of {event.markets[0].condition_id}")


def _followed(world: World, reference: Reference, strike: int) -> Crowd:
    question = questions.above(reference.name, strike // 100)
    fair = linear(strike, 1_200)
    bid = (fair(reference.price, world.now_ns) - 50) // 100 * 100
    crowd = _open(world, question, questions.alone(question), _DEMO, bid)
    Tie(crowd, reference, fair, child(world.random))

    def end(now_ns: int) -> None:
        world.makers.venue.resolve(crowd.market, 0 if reference.price > strike else 1, now_ns)

    world.makers.venue.schedule.at(world.now_ns + _DAY_NS, end)
    return crowd


def _build_sports(world: World, count: int) -> None:
    _games(world, count)


def _games(world: World, count: int) -> list[Games]:
    return [Games(world.makers, number, count, world.issuer, world.random, world.now_ns) for number in range(count)]


def _build_crypto(world: World, count: int) -> None:
    _build_coins(world, count, _enliven_window)


def _build_coins(world: World, count: int, enliven: Callable[[Crowd, Random, int], None]) -> None:
    for number in range(count):
        name, base, step = _COINS[number % len(_COINS)]
        name = name if number < len(_COINS) else f"{name[:-3]}{number // len(_COINS) + 1}USD"
        reference = Reference(name, base, step, 0.0, child(world.random))
        world.references.add(reference, world.now_ns)
        Windows(world.makers, reference, _CRYPTO, enliven, world.issuer, world.random, world.now_ns)


def _enliven_window(crowd: Crowd, random: Random, now_ns: int) -> None:
    Churn(
        crowd,
        seconds_around(0.14, 0.8),
        lambda source: min(1 + int(source.expovariate(0.1)), 32),
        seconds_apart(0.003),
        0.0,
        random,
        now_ns,
    )
    Trades(crowd, seconds_apart(0.2), spread_shares(10, 1.2, 1, 500), random, now_ns, alternating=False)
    Breath(crowd, seconds_apart(10), random, now_ns)


def _build_stress(world: World, count: int) -> None:
    coins = min(count, len(_COINS))
    crowds: list[Crowd] = []

    def enliven(crowd: Crowd, random: Random, now_ns: int) -> None:
        crowds[:] = [known for known in crowds if not known.market.closed] + [crowd]
        _enliven_window(crowd, random, now_ns)

    _build_coins(world, coins, enliven)
    _build_sports(world, count - coins)
    Surges(world.makers.venue.schedule, crowds, 2_700, seconds_around(20, 0.3), world.random, world.now_ns)


def _build_adverse(world: World, count: int) -> None:
    Misfortunes(world.makers.venue, _games(world, count), seconds_apart(4), world.random, world.now_ns)


def _open(world: World, question: Question, event: Event, style: Style, bid: int) -> Crowd:
    market = world.issuer.issue(question, event, world.now_ns, world.now_ns + _DAY_NS)
    return world.makers.open(market, style, bid, world.random, world.now_ns)


PROFILES = {
    "demo": Profile(10, _build_demo),
    "neg_risk": Profile(2, _build_neg_risk),
    "sports_inplay": Profile(8, _build_sports),
    "crypto_5m": Profile(3, _build_crypto),
    "venue_wide_stress": Profile(257, _build_stress),
    "adverse": Profile(8, _build_adverse),
}
