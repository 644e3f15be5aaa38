"""Who holds what: every movement of cash and tokens goes through here, and nothing is ever made or lost on the way.

Why the sum is kept beside the wallets: pairs of tokens stand for a locked dollar each, so cash + locked + fees is
constant to the micro-unit but for what comes in from outside, and a pair's two tokens are always equally many.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Final

from sandbox.log import Log
from sandbox.markets import Market
from sandbox.trading.records import OUTSIDE, Wallet
from sandbox.units import ONE, SHARE

_OUTSIDE_CASH: Final = 10**16 * SHARE
_OUTSIDE_PAIRS: Final = 10**9 * SHARE


class LedgerError(Exception):
    """A movement that a wallet cannot make; says what is missing."""


class Ledger:
    """All wallets, what is locked behind each market's pairs, and the fees that the venue took."""

    def __init__(self, log: Log) -> None:
        self.wallets: dict[str, Wallet] = {}
        self.outside = Wallet(OUTSIDE)
        self.locked: dict[str, int] = defaultdict(int)
        """Micro-dollars behind the pairs of each condition."""
        self.fees = 0
        self.brought_in = 0
        """Micro-dollars that came from outside the venue, less those that left."""
        self.on_moved: list[Callable[[Wallet, int], None]] = []
        """Who is told (with the time) after anything but a trade changed what a wallet holds or allows."""
        self._log = log
        self.add(self.outside)
        self.deposit(self.outside, _OUTSIDE_CASH, 0)

    @property
    def cash(self) -> int:
        """All micro-dollars there are: `brought_in`, as long as nothing was made or lost."""
        return sum(wallet.cash for wallet in self.wallets.values()) + sum(self.locked.values()) + self.fees

    def held(self, token_id: str) -> int:
        """How many micro-shares of a token all wallets hold together."""
        return sum(wallet.tokens.get(token_id, 0) for wallet in self.wallets.values())

    def add(self, wallet: Wallet) -> None:
        """Know a wallet."""
        self.wallets[wallet.address.lower()] = wallet

    def stock(self, market: Market, now_ns: int) -> None:
        """Give the outside participants a stock of a new market's pairs."""
        self.split(self.outside, market, _OUTSIDE_PAIRS, now_ns)

    def deposit(self, wallet: Wallet, amount: int, now_ns: int) -> None:
        """Let micro-dollars come in from outside the venue, or leave it when negative. Raises LedgerError."""
        self._move_cash(wallet, amount)
        self.brought_in += amount
        self._note(now_ns, "deposit", wallet, amount=amount)

    def split(self, wallet: Wallet, market: Market, size: int, now_ns: int) -> None:
        """Turn `size` micro-dollars into as many of both tokens. Raises LedgerError."""
        self._move_cash(wallet, -size)
        self.locked[market.condition_id] += size
        for token_id in market.token_ids:
            self._move_tokens(wallet, token_id, size)
        self._note(now_ns, "split", wallet, market=market.condition_id, size=size)

    def merge(self, wallet: Wallet, market: Market, size: int, now_ns: int) -> None:
        """Turn `size` of both tokens into as many micro-dollars. Raises LedgerError, and then nothing has moved."""
        if any(wallet.tokens.get(token_id, 0) < size for token_id in market.token_ids):
            raise LedgerError(f"{wallet.address} does not hold {size} of both tokens of {market.slug}")
        for token_id in market.token_ids:
            self._move_tokens(wallet, token_id, -size)
        self.locked[market.condition_id] -= size
        self._move_cash(wallet, size)
        self._note(now_ns, "merge", wallet, market=market.condition_id, size=size)

    def redeem(
        self,
        wallet: Wallet,
        market: Market,
        payouts: tuple[int, int],
        now_ns: int,
        sizes: tuple[int, int] | None = None,
    ) -> int:
        """Turn a resolved market's tokens into what they pay (1/10,000 dollar a share); says how many micro-dollars.

        All that the wallet holds, or `sizes` of both; more than it holds raises LedgerError, and nothing has moved.
        """
        held = (wallet.tokens.get(market.token_ids[0], 0), wallet.tokens.get(market.token_ids[1], 0))
        sizes = held if sizes is None else sizes
        if sizes[0] > held[0] or sizes[1] > held[1]:
            raise LedgerError(f"{wallet.address} holds {held} of {market.slug}, {sizes} are asked for")
        paid = 0
        for token_id, payout, size in zip(market.token_ids, payouts, sizes, strict=True):
            self._move_tokens(wallet, token_id, -size)
            paid += size * payout // ONE
        # A void market pays half a dollar a share: what half a micro-dollar leaves over stays locked.
        self.locked[market.condition_id] -= paid
        self._move_cash(wallet, paid)
        self._note(now_ns, "redeem", wallet, market=market.condition_id, paid=paid)
        return paid

    def transfer(self, sender: Wallet, receiver: Wallet, token_id: str, size: int, now_ns: int) -> None:
        """Move tokens between wallets. Raises LedgerError."""
        self._move_tokens(sender, token_id, -size)
        self._move_tokens(receiver, token_id, size)
        self._note(now_ns, "transfer", sender, to=receiver.address, token_id=token_id, size=size)

    def approve(self, wallet: Wallet, spender: str, allowance: int, now_ns: int) -> None:
        """Let a contract move a wallet's tokens, and so many micro-dollars."""
        wallet.allowances[spender] = allowance
        wallet.approvals.add(spender)
        self._note(now_ns, "approve", wallet, spender=spender, allowance=str(allowance))

    def allow(self, wallet: Wallet, spender: str, allowance: int, now_ns: int) -> None:
        """Let a contract move so many micro-dollars of a wallet, and no more."""
        wallet.allowances[spender] = allowance
        self._note(now_ns, "allow", wallet, spender=spender, allowance=str(allowance))

    def permit(self, wallet: Wallet, operator: str, approved: bool, now_ns: int) -> None:
        """Let a contract move a wallet's tokens, or no longer."""
        (wallet.approvals.add if approved else wallet.approvals.discard)(operator)
        self._note(now_ns, "permit", wallet, operator=operator, approved=approved)

    def revoke(self, wallet: Wallet, spender: str, now_ns: int) -> None:
        """Let a contract move nothing of a wallet any more."""
        wallet.allowances.pop(spender, None)
        wallet.approvals.discard(spender)
        self._note(now_ns, "revoke", wallet, spender=spender)

    def settle(
        self,
        market: Market,
        cash: Mapping[Wallet, int],
        tokens: Mapping[tuple[Wallet, str], int],
        locked: int,
        fee: int,
    ) -> None:
        """Make all the movements of a trade. Raises LedgerError, and then nothing has moved."""
        if sum(cash.values()) + locked + fee:
            raise ValueError("a trade neither makes nor loses money")
        for wallet, amount in cash.items():
            if wallet.cash + amount < 0:
                raise LedgerError(f"{wallet.address} holds {wallet.cash} micro-dollars, {-amount} are asked for")
        for (wallet, token_id), size in tokens.items():
            if wallet.tokens.get(token_id, 0) + size < 0:
                raise LedgerError(f"{wallet.address} does not hold {-size} of {token_id}")
        for wallet, amount in cash.items():
            self._move_cash(wallet, amount)
        for (wallet, token_id), size in tokens.items():
            self._move_tokens(wallet, token_id, size)
        self.locked[market.condition_id] += locked
        self.fees += fee

    def pay(self, sender: Wallet, receiver: Wallet, amount: int) -> None:
        """Move micro-dollars between wallets. Raises LedgerError."""
        self._move_cash(sender, -amount)
        self._move_cash(receiver, amount)

    def _move_cash(self, wallet: Wallet, amount: int) -> None:
        if wallet.cash + amount < 0:
            raise LedgerError(f"{wallet.address} holds {wallet.cash} micro-dollars, {-amount} are asked for")
        wallet.cash += amount

    def _move_tokens(self, wallet: Wallet, token_id: str, size: int) -> None:
        held = wallet.tokens.get(token_id, 0) + size
        if held < 0:
            raise LedgerError(f"{wallet.address} holds {held - size} of {token_id}, {-size} are asked for")
        if held:
            wallet.tokens[token_id] = held
        else:
            wallet.tokens.pop(token_id, None)

    def _note(self, now_ns: int, kind: str, wallet: Wallet, **facts: object) -> None:
        self._log.write(now_ns, kind, wallet=wallet.address, **facts)
        for told in self.on_moved:
            told(wallet, now_ns)
