"""Who may trade here: accounts with their keys, credentials and wallets, all derived from a seed.

Why so few may trade from their own address: at the venue that is for those on a list, and everybody else has a deposit
wallet, whose address follows from the owner's. So an account holds exactly the wallets that it was made with. Any other
account may still prove itself and get an API key; it then has no wallet to trade from.
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal

from sandbox.markets import Market
from sandbox.signing.contracts import CONVERTERS
from sandbox.signing.headers import Credentials, credentials_from
from sandbox.signing.keys import PrivateKey, key_from
from sandbox.signing.orders import DEPOSIT_WALLET
from sandbox.signing.typed_data import EXCHANGES, POLYGON
from sandbox.signing.wallets import wallets_of
from sandbox.trading.ledger import Ledger
from sandbox.trading.records import UNLIMITED, Account, Wallet
from sandbox.units import decimal_text


class Accounts:
    """All accounts of an exchange; `spenders` are the contracts that may move what their wallets hold.

    With `protocol` 1 those are the contracts of the first generation, otherwise those of the two later ones.
    """

    def __init__(self, ledger: Ledger, seed_text: str, *, chain_id: int = POLYGON, protocol: int = 2) -> None:
        self.chain_id = chain_id
        self.protocol = protocol
        generations = (1,) if protocol == 1 else (2, 3)
        known = EXCHANGES[chain_id]
        self.spenders = tuple(dict.fromkeys(known[g, neg_risk] for g in generations for neg_risk in (False, True)))
        self.on_wallet: list[Callable[[Wallet], None]] = []
        """Who is told of a wallet once it is funded."""
        self.ledger = ledger
        self._seed_text = seed_text
        self._by_address: dict[str, Account] = {}
        self._by_key: dict[str, Account] = {}
        self._by_wallet: dict[str, Account] = {}
        self._by_relayer_key: dict[str, Account] = {}
        self._builder_keys: dict[str, Credentials] = {}
        self._funded: list[tuple[PrivateKey, int, int]] = []
        self._made_keys = 0

    def __iter__(self) -> Iterator[Account]:
        return iter(self._by_address.values())

    def make(self, name: str, signature_type: int, cash: int, now_ns: int, *, approved: bool = True) -> Account:
        """Make a funded account with one wallet and an API key; without `approved` no contract may move anything."""
        key = PrivateKey(key_from(f"{self._seed_text}/account/{name}"))
        account = self.known(key.address)
        wallet = Wallet(wallets_of(key.address, signature_type)[0])
        if approved:
            wallet.allowances = dict.fromkeys((*self.spenders, *CONVERTERS), UNLIMITED)
            wallet.approvals = {*self.spenders, *CONVERTERS}
        account.wallets[signature_type] = wallet
        self._by_wallet[wallet.address.lower()] = account
        self.ledger.add(wallet)
        self.ledger.deposit(wallet, cash, now_ns)
        for told in self.on_wallet:
            told(wallet)
        if 0 not in account.keys:
            self.make_key(account, 0)
        if account.relayer_key is None:
            self._make_relayer_keys(account)
        self._funded.append((key, signature_type, cash))
        return account

    def make_default(self, count: int, cash: int, now_ns: int, signature_types: tuple[int, ...] = (0,)) -> None:
        """Make accounts of these signature types, and deposit wallets until there are `count`."""
        for number in range(count):
            signature_type = signature_types[number] if number < len(signature_types) else DEPOSIT_WALLET
            self.make(str(number), signature_type, cash, now_ns)

    def generation(self, market: Market) -> Literal[1, 2, 3]:
        """For which generation of the exchange contract orders of a market are signed."""
        if self.protocol == 1:
            return 1
        return 3 if market.version == "v2" else 2

    def spender(self, market: Market) -> str:
        """The exchange contract that settles a market, and so moves what is paid in it."""
        return EXCHANGES[self.chain_id][self.generation(market), market.event.neg_risk]

    def known(self, address: str) -> Account:
        """The account of an address; one that was never seen gets to be known, without a wallet."""
        account = self._by_address.get(address.lower())
        if account is None:
            account = self._by_address[address.lower()] = Account(address, {})
        return account

    def by_address(self, address: str) -> Account | None:
        """An account by the address that signs for it."""
        return self._by_address.get(address.lower())

    def by_key(self, api_key: str) -> Account | None:
        """An account by one of its API keys."""
        return self._by_key.get(api_key)

    def by_wallet(self, address: str) -> Account | None:
        """An account by a wallet that it trades from."""
        return self._by_wallet.get(address.lower())

    def by_relayer_key(self, key: str) -> Account | None:
        """An account by its relayer key."""
        return self._by_relayer_key.get(key)

    def builder_key(self, key: str) -> Credentials | None:
        """The credentials of a builder key."""
        return self._builder_keys.get(key)

    def credentials(self, api_key: str) -> Credentials | None:
        """The credentials of an API key."""
        account = self._by_key.get(api_key)
        if account is None:
            return None
        return next((one for one in account.keys.values() if one.api_key == api_key), None)

    def make_key(self, account: Account, nonce: int) -> Credentials | None:
        """Give an account an API key for a nonce, None when it has one: the venue derives, it does not renew."""
        if nonce in account.keys:
            return None
        made = credentials_from(self._derivation(account, nonce), account.address)
        account.keys[nonce] = made
        self._by_key[made.api_key] = account
        return made

    def make_readonly_key(self, account: Account) -> str:
        """Give an account a key that may only read."""
        made = credentials_from(self._derivation(account, "read only"), account.address).api_key
        account.readonly_keys.append(made)
        return made

    def drop_key(self, account: Account, api_key: str) -> None:
        """Take an API key back."""
        del self._by_key[api_key]
        account.keys = {nonce: one for nonce, one in account.keys.items() if one.api_key != api_key}

    def describe(self) -> list[dict[str, Any]]:
        """What a bot needs to know to trade from each funded account."""
        described: list[dict[str, Any]] = []
        for key, signature_type, cash in self._funded:
            account = self._by_address[key.address.lower()]
            credentials, builder = account.keys.get(0), account.builder_key
            if credentials is None or builder is None:
                continue
            described.append(
                {
                    "private_key": "0x" + key.secret.hex(),
                    "address": account.address,
                    "api_key": credentials.api_key,
                    "api_secret": credentials.secret,
                    "api_passphrase": credentials.passphrase,
                    "signature_type": signature_type,
                    "funder": account.wallets[signature_type].address,
                    "cash": decimal_text(cash, 6),
                    "relayer_api_key": {"key": account.relayer_key, "address": account.address},
                    "builder_api_key": {
                        "key": builder.api_key,
                        "secret": builder.secret,
                        "passphrase": builder.passphrase,
                    },
                }
            )
        return described

    def _make_relayer_keys(self, account: Account) -> None:
        """Give an account what the relayer takes: a key of its own, and one as builders have."""
        own = credentials_from(f"{self._seed_text}/relayer key/{account.address}", account.address)
        builder = credentials_from(f"{self._seed_text}/builder key/{account.address}", account.address)
        account.relayer_key, account.builder_key = own.api_key, builder
        self._by_relayer_key[own.api_key] = account
        self._builder_keys[builder.api_key] = builder

    def _derivation(self, account: Account, what: int | str) -> str:
        # The count lets a key that replaces a deleted one be another.
        self._made_keys += 1
        return f"{self._seed_text}/key/{account.address}/{what}/{self._made_keys}"
