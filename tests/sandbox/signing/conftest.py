"""The account of the published vectors."""

import pytest

from sandbox.signing.keys import PrivateKey


@pytest.fixture(scope="session")
def key() -> PrivateKey:
    """First account of the Hardhat development chain: its secret is known to everybody."""
    return PrivateKey(bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"))
