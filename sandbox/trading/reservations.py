"""What a wallet must have for an order, and what open orders hold back of it.

Why a buy holds back what it signed and no more: every part of it is paid for in whole micro-dollars, rounded against
it, so many small parts could come to more than `making`. The contract then gives it fewer shares instead, and so does
`fillable`; the real venue ends such an order as matched at 99.99 of 100.
"""

from typing import Final

from sandbox.trading.records import Order
from sandbox.units import ONE, SHARE

DUST: Final = SHARE // 100
"""An order of which less than this is left is done."""


def hold(order: Order, amount: int) -> None:
    """Make `amount` what an order holds back: micro-dollars of a buy, micro-shares of a sale."""
    change = amount - order.reserved
    order.reserved = amount
    if order.side == "BUY":
        order.wallet.reserved_cash += change
    else:
        add(order.wallet.reserved_tokens, order.token_id, change)


def hold_for_rest(order: Order, gave: int) -> None:
    """After a part for which it `gave` so much: hold back what the rest can cost, never more than before."""
    rest = max(order.size - order.matched, 0)
    cost = -(-rest * order.price // ONE) if order.side == "BUY" else rest
    hold(order, max(min(order.reserved - gave, cost), 0))


def fillable(order: Order) -> int:
    """How many micro-shares of a resting order can still trade; 0 when only dust is left."""
    rest = max(order.size - order.matched, 0)
    if order.side == "BUY":
        rest = min(rest, order.reserved * ONE // order.price)
    return rest if rest >= DUST else 0


def owe(order: Order, amount: int) -> None:
    """Note that an order's matched trade will take `amount` from its wallet, or (negative) that it no longer will."""
    if order.side == "BUY":
        order.wallet.owed_cash += amount
    else:
        add(order.wallet.owed_tokens, order.token_id, amount)


def lacking(order: Order, need: int, spender: str) -> str:
    """The venue's text when a wallet cannot give `need` or the exchange contract may not take it, else nothing."""
    wallet = order.wallet
    balance = wallet.free_cash if order.side == "BUY" else wallet.free_tokens(order.token_id)
    if balance < need:
        return balance_text(max(balance, 0), need)
    allowance = wallet.allowances.get(spender, 0) if order.side == "BUY" else need * (spender in wallet.approvals)
    if allowance < need:
        return allowance_text(spender, allowance, need)
    return ""


def balance_text(balance: int, need: int) -> str:
    """The venue's text for a wallet that holds too little."""
    return f"not enough balance / allowance: the balance is not enough -> balance: {balance}, order amount: {need}"


def allowance_text(spender: str, allowance: int, need: int) -> str:
    """The venue's text for a wallet that lets its exchange contract move too little."""
    return (
        "not enough balance / allowance: the allowance is not enough -> "
        f"spender: {spender}, allowance: {allowance}, order amount: {need}"
    )


def short(order: Order) -> bool:
    """Whether its wallet holds less of what it gives than open orders and matched trades take of that."""
    if order.side == "BUY":
        return order.wallet.free_cash < 0
    return order.wallet.free_tokens(order.token_id) < 0


def add(amounts: dict[str, int], token_id: str, change: int) -> None:
    """Change one of several amounts; what is 0 is not listed."""
    amount = amounts.get(token_id, 0) + change
    if amount:
        amounts[token_id] = amount
    else:
        amounts.pop(token_id, None)
