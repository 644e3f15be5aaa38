"""Prices, sizes and money as integers, and the exact way between them and the venue's decimal strings.

Why integers: `int(0.57 * 100) == 56`. A float floor puts one quote in five on the wrong tick (0.05/0.06 gives 0.04
where 0.05 is right), and a ledger of floats never sums to zero. Floats are for estimates only; `price_from_estimate` is
the one door from an estimate to a price.

Units: `Price` counts 1/10,000 of a dollar, `Size` and `Money` count millionths (the chain's six decimals), so
price x size is exact in 1e-10 dollars and is rounded once, by whoever books it, in a direction that it names.
"""

from typing import Final, TypeAlias

Price: TypeAlias = int
"""Dollars per share in 1/10,000; a quote lies in [tick, ONE - tick]."""

Size: TypeAlias = int
"""Shares in millionths."""

Money: TypeAlias = int
"""Dollars in millionths."""

ONE: Final[Price] = 10_000
"""The price of a dollar: what a complete pair of YES and NO pays."""

SHARE: Final[Size] = 1_000_000
DOLLAR: Final[Money] = 1_000_000

TICKS: Final[tuple[Price, ...]] = (1_000, 100, 50, 25, 10, 1)
"""Tick sizes that the venue knows, coarsest first: 0.1, 0.01, 0.005, 0.0025, 0.001, 0.0001."""

_DIGITS_MAX: Final = 18
_PRICE_MEMO_MAX: Final = 20_000
_prices: dict[str, Price] = {}


def parse_price(text: str) -> Price:
    """Read a venue price such as `"0.48"`, `".48"`, `"1"` or `"0.0025"` exactly.

    Raises ValueError on anything but plain decimal digits in [0, 1] on the 1e-4 grid.
    """
    known = _prices.get(text)
    if known is not None:
        return known
    price = _parse_decimal(text, 4, "price")
    if price > ONE:
        raise ValueError(f"price {text!r} is above 1: a share never costs more than the dollar it can pay")
    if len(_prices) < _PRICE_MEMO_MAX:
        _prices[text] = price
    return price


def parse_size(text: str) -> Size:
    """Read a venue size in shares such as `"1639.343"` exactly. Raises ValueError on anything but plain digits."""
    if text.isdigit() and text.isascii() and len(text) <= _DIGITS_MAX - 6:
        return int(text) * 1_000_000
    return _parse_decimal(text, 6, "size")


def parse_money(text: str) -> Money:
    """Read dollars such as `"-12.5"` exactly; the only parser that takes a sign."""
    if text.startswith("-"):
        return -_parse_decimal(text[1:], 6, "amount")
    return _parse_decimal(text, 6, "amount")


def parse_tick(text: str) -> Price:
    """Read a tick size and check that it is one the venue knows."""
    tick = parse_price(text)
    if tick not in TICKS:
        raise ValueError(f"tick size {text!r} is not one of {', '.join(format_price(known) for known in TICKS)}")
    return tick


def format_price(price: Price) -> str:
    """Write a price as the shortest decimal, which is what the venue writes and hashes: 4800 is `"0.48"`."""
    return _format_decimal(price, 4)


def format_size(size: Size) -> str:
    """Write a size as the shortest decimal: 5_000_000 is `"5"`."""
    return _format_decimal(size, 6)


def format_money(money: Money) -> str:
    """Write dollars as the shortest decimal with a sign where negative: -1_500_000 is `"-1.5"`."""
    return _format_decimal(money, 6)


def floor_to_tick(price: Price, tick: Price) -> Price:
    """Round down to the grid, as a buyer does."""
    return price // tick * tick


def ceil_to_tick(price: Price, tick: Price) -> Price:
    """Round up to the grid, as a seller does."""
    return -(-price // tick) * tick


def clamp_to_book(price: Price, tick: Price) -> Price:
    """Bring a price into [tick, ONE - tick], the range in which the venue takes an order."""
    return min(max(price, tick), ONE - tick)


def price_from_estimate(probability: float, tick: Price) -> Price:
    """Turn an estimate in [0, 1] into the tick at or below it: the only door from a float to a price.

    Raises ValueError for NaN or a value outside [0, 1].
    """
    if not 0.0 <= probability <= 1.0:
        raise ValueError(f"estimate {probability!r} is not a probability in [0, 1]")
    return floor_to_tick(int(probability * ONE + 1e-9), tick)


def cash_of(price: Price, size: Size) -> Money:
    """Dollars that change hands for `size` shares at `price`, rounded down as the exchange contract does."""
    return price * size // ONE


def cash_of_rounded_up(price: Price, size: Size) -> Money:
    """Dollars to set aside for `size` shares at `price`: never less than the fill can cost."""
    return -(-price * size // ONE)


def coarsest_tick(prices: frozenset[Price] | set[Price], at_most: Price) -> Price:
    """Return the coarsest known tick not above `at_most` on whose grid all prices lie."""
    for tick in TICKS:
        if tick <= at_most and all(price % tick == 0 for price in prices):
            return tick
    return TICKS[-1]


def _parse_decimal(text: str, places: int, what: str) -> int:
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    if not (digits.isascii() and digits.isdigit()) or len(digits) > _DIGITS_MAX:
        raise ValueError(f"{what} {text!r} is not a plain decimal of at most {_DIGITS_MAX} digits")
    if len(fraction) > places:
        if fraction[places:].strip("0"):
            raise ValueError(f"{what} {text!r} has more than {places} decimals")
        fraction = fraction[:places]
    return int(whole or "0") * 10**places + int((fraction or "0").ljust(places, "0"))


def _format_decimal(value: int, places: int) -> str:
    sign = "-" if value < 0 else ""
    whole, fraction = divmod(abs(value), 10**places)
    if not fraction:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{str(fraction).rjust(places, '0').rstrip('0')}"
