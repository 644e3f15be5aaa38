"""Contracts on Polygon that wallets act on, and those that act for wallets.

Constants: polymarket-client 0.14.0, read 2026-11-21.
"""

from typing import Final

COLLATERAL: Final = "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB"
"""pUSD, in millionths of a dollar."""
CONDITIONAL_TOKENS: Final = "0x4D97DCd97eC945f40cF65F87097ACe5EA0476045"
"""Who holds what of the older protocol's tokens."""
NEG_RISK_ADAPTER: Final = "0xd91E80cF2E7be2e162c6513ceD06f1dD0dA35296"
"""Says of the tokens of neg-risk markets what `CONDITIONAL_TOKENS` says."""
POSITION_MANAGER: Final = "0x006F54F7f9A22e0000CC2AB60031000000ae9fEF"
"""Who holds what of the newer protocol's positions."""

COLLATERAL_ADAPTER: Final = "0xAdA100Db00Ca00073811820692005400218FcE1f"
"""Splits, merges and redeems tokens of the older protocol for pUSD."""
NEG_RISK_COLLATERAL_ADAPTER: Final = "0xadA2005600Dec949baf300f4C6120000bDB6eAab"
"""The same for markets of neg-risk events."""
ROUTER: Final = "0x12121212006e4CD160D18e3f00711DA5c3372600"
"""Splits, merges and redeems positions of the newer protocol, neg-risk or not."""
CONVERTERS: Final = (COLLATERAL_ADAPTER, NEG_RISK_COLLATERAL_ADAPTER, ROUTER)
"""Who turns dollars into tokens and back; each moves what a wallet lets it."""

DEPOSIT_WALLET_FACTORY: Final = "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07"
"""Takes the batches of deposit wallets."""
PROXY_FACTORY: Final = "0xaB45c5A4B0c941a2F231C04C3f49182e1A254052"
"""Takes the calls of proxies."""
SAFE_MULTISEND: Final = "0xA238CBeb142c10Ef7Ad8442C6D1f9E89e07e7761"
"""Lets a safe do several calls as one."""
RELAY_HUB: Final = "0xD216153c06E857cD7f72665E0aF1d7D82172F494"
