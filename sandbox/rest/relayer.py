"""The relayer, as far as a client asks it before it trades: whether a wallet stands on chain."""

import re
from collections.abc import Callable
from typing import Final

from sandbox.messages import Answer, HttpRequest
from sandbox.rest.refusals import Refused
from sandbox.rest.routes import Handler, json_answer
from sandbox.trading.records import Account

_KINDS: Final = {"PROXY": 1, "SAFE": 2, "WALLET": 3}
"""What a wallet is called here, and the signature type of the orders that it makes."""
_ADDRESS: Final = re.compile("0x[0-9a-fA-F]{40}")


class Relayer:
    """Answers from the accounts' wallets, which `by_wallet` finds by an address of any case."""

    def __init__(self, by_wallet: Callable[[str], Account | None]) -> None:
        self._by_wallet = by_wallet
        self.routes: dict[tuple[str, str], Handler] = {("GET", "/deployed"): self._deployed}

    def _deployed(self, request: HttpRequest, now_ns: int) -> Answer:
        address, kind = request.asked("address"), request.asked("type", "WALLET")
        if not _ADDRESS.fullmatch(address):
            raise Refused(400, "invalid address")
        if kind not in _KINDS:
            raise Refused(400, "invalid type")
        account = self._by_wallet(address)
        wallet = account.wallets.get(_KINDS[kind]) if account else None
        return json_answer(
            {"deployed": wallet is not None and wallet.deployed and wallet.address.lower() == address.lower()}
        )
