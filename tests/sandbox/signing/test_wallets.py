"""Wallets of an account against the addresses that the official client derives."""

import pytest

from sandbox.signing.wallets import deposit_wallet, first_deposit_wallet, proxy_wallet, safe_wallet, wallets_of

# Owner, proxy, safe, deposit wallet with and without a beacon: derived with polymarket-client 0.14.0.
DERIVED = [
    (
        "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
        "0x365f0CA36Ae1f641E02fE3B7743673da42A13A70",
        "0xd93B25cb943D14d0d34FBaF01Fc93a0f8b5F6E47",
        "0xBc0fF067b7740Eff76C1ca93c875Ba6B890d6B50",
        "0xdf8b9E8f9AB23f261F6e1B171B7454ae6E46Ba76",
    ),
    (
        "0x43Ef3b4689d25Eedb58Cc6e3ca533d99726A7203",
        "0x1E645d2529e735B4005c3739fB9695dd1ba639b3",
        "0x0c3DDCF33c3606dd9622dfE9a21A9A8F5eC1610A",
        "0x0B88b4598bBfd4BAa99CA7082eA1E7412a00fF99",
        "0xA74f72ebDecA07c8a1151d37D37B73C606F46135",
    ),
    (
        "0xbD88250A72bFaB3ed7DB3846430ca9df5C29b02B",
        "0xf794d9070De2f8b45Fa53e89214549608d2Ca59A",
        "0x282A4Ee0F8486D4AdD7D2107Efa273c4E7cdAB82",
        "0x3B40D83E700A67Ff8Ec1c57614E575135cD1Ca83",
        "0x9EF0F365f2cD53F097a9D1aC73b2e95Ee4DB1328",
    ),
]


@pytest.mark.parametrize("owner, proxy, safe, deposit, first_deposit", DERIVED)
def test_an_account_has_the_wallets_of_the_official_client(
    owner: str, proxy: str, safe: str, deposit: str, first_deposit: str
) -> None:
    assert proxy_wallet(owner) == proxy
    assert safe_wallet(owner) == safe
    assert deposit_wallet(owner) == deposit
    assert first_deposit_wallet(owner) == first_deposit


@pytest.mark.parametrize("owner, proxy, safe, deposit, first_deposit", DERIVED)
def test_each_signature_type_has_its_wallets(
    owner: str, proxy: str, safe: str, deposit: str, first_deposit: str
) -> None:
    assert wallets_of(owner.lower(), 0) == (owner,)
    assert wallets_of(owner, 1) == (proxy,)
    assert wallets_of(owner, 2) == (safe,)
    assert wallets_of(owner, 3) == (deposit, first_deposit)
    assert wallets_of(owner, 4) == ()


def test_an_owner_that_is_no_address_is_an_error() -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        deposit_wallet("0x1234")
