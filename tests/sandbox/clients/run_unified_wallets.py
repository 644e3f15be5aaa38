"""Stories of what polymarket-client 0.14.0 does with its wallet on chain; otherwise as `run_unified`."""

# It runs in an environment of its own, whose packages are not ours to check.
# pyright: reportMissingImports=false, reportArgumentType=false

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.request import urlopen

from polymarket import BuilderApiKey, RelayerApiKey, RequestRejectedError, TransactionFailedError
from polymarket._internal.environment import PRODUCTION_CONFIG

# The interpreter is isolated: it knows no folder but its own.
sys.path.insert(0, str(Path(__file__).parent))
from run_unified import control, secure, tell


async def positions(told):
    """Several accounts split and merge, and after the resolution redeem; what each transaction came to."""
    market, accounts = {"condition_id": told["condition_id"]}, told["accounts"]
    seen = [{"before": await held(told, account)} for account in accounts]
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(await secure(told, account, api_key=key_of(account)))
            for account in accounts
        ]

        async def moved(name, *calling):
            """Wait for a transaction of each."""
            handles = await asyncio.gather(*calling)
            outcomes = await asyncio.gather(*(handle.wait() for handle in handles))
            for saw, account, outcome in zip(seen, accounts, outcomes, strict=True):
                saw[name] = {"hash": outcome.transaction_hash, "held": await held(told, account)}

        await moved("split", *(client.split_position(**market, amount=10_000_000) for client in clients))
        await moved("merge", *(client.merge_positions(**market, amount=4_000_000) for client in clients))
        refusals = [reverted(client.split_position(**market, amount=10**15)) for client in clients]
        for saw, why in zip(seen, await asyncio.gather(*refusals), strict=True):
            saw["refused"] = why
        await asyncio.to_thread(control, told, "POST", {"fault": "resolve", "market": told["slug"], "outcome": "Yes"})
        await moved("redeem", *(client.redeem_positions(**market) for client in clients))
    return seen


async def haste(told):
    """Two transactions of one wallet at once: the SDK tries the second again until the wallet is free."""
    account, market = told["account"], {"condition_id": told["condition_id"]}
    before = await held(told, account)
    async with await secure(told, account, api_key=key_of(account)) as client:
        handles = await asyncio.gather(
            *(client.split_position(**market, amount=amount) for amount in (1_000_000, 2_000_000))
        )
        await asyncio.gather(*(handle.wait() for handle in handles))
    return {"before": before, "after": await held(told, account)}


def key_of(account):
    """What the relayer knows an account by: a builder's key for proxies, its own for the others."""
    if account["signature_type"] == 1:
        return BuilderApiKey(**account["builder_api_key"])
    return RelayerApiKey(**account["relayer_api_key"])


async def approvals(told):
    """Several accounts take back what a contract may do, find out that it is missing, and have all set up again."""
    return await asyncio.gather(*(approval(told, account) for account in told["accounts"]))


async def approval(told, account):
    """What one of them sees."""
    config, market = PRODUCTION_CONFIG, {"condition_id": told["condition_id"]}
    dollars = {"token_address": config.collateral_token, "spender_address": config.collateral_adapter}
    tokens = {"token_address": config.conditional_tokens, "operator_address": config.collateral_adapter}
    async with await secure(told, account, api_key=key_of(account)) as client:
        await (await client.split_position(**market, amount=5_000_000)).wait()
        await (await client.approve_erc20(**dollars, amount=1_000_000)).wait()
        await (await client.approve_erc1155_for_all(**tokens, approved=False)).wait()
        out = {"poor": await reverted(client.split_position(**market, amount=1_000_001))}
        out["unapproved"] = await reverted(client.merge_positions(**market, amount="max"))
        await client.setup_trading_approvals()
        await (await client.merge_positions(**market, amount="max")).wait()
        return out | {"held": await held(told, account)}


async def reverted(calling):
    """Why a transaction failed, or would; None when it did not."""
    try:
        await (await calling).wait()
    except (TransactionFailedError, RequestRejectedError) as error:
        return str(error)


async def held(told, account):
    """What an account's wallet holds on chain: dollars and both tokens, in millionths."""
    with await asyncio.to_thread(urlopen, told["sandbox"]["control_url"] + "/accounts") as answer:
        wallets = [wallet for known in json.load(answer)["accounts"] for wallet in known["wallets"]]
    own = next(wallet for wallet in wallets if wallet["address"] == account["funder"])
    return [own["cash"], *(own["tokens"].get(token, 0) for token in told["token_ids"])]


if __name__ == "__main__":
    tell(globals())
