"""What a test may set about the limiters and about where the caller seems to be: `POST /sandbox/settings`.

`{"signer_limits": "warning", "refuse_beyond": 2, "tiers": {"0x...": "Gold"}, "blocked": true, "country": "US"}`.
What is not named stays as it is; `GET` says how things stand.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from sandbox import wire
from sandbox.limits import TIERS, IpWindows, SignerBuckets
from sandbox.log import Log
from sandbox.messages import Answer, HttpRequest
from sandbox.rest.refusals import Refused
from sandbox.rest.routes import Handler, json_answer
from sandbox.rest.site import Site

_Address = Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{40}$")]
_Factor = Annotated[float, msgspec.Meta(ge=1)]
_MODES: Final = {True: "enforced", False: "warning"}


class _Change(msgspec.Struct, forbid_unknown_fields=True):
    signer_limits: Literal["enforced", "warning"] | UnsetType = UNSET
    refuse_beyond: _Factor | UnsetType | None = UNSET
    tiers: dict[_Address, str] = {}
    blocked: bool | UnsetType = UNSET
    country: str | UnsetType = UNSET
    region: str | UnsetType = UNSET


class Settings:
    """Shows and changes them; each change is in the log."""

    def __init__(self, windows: IpWindows, buckets: SignerBuckets, site: Site, log: Log) -> None:
        self._windows = windows
        self._buckets = buckets
        self._site = site
        self._log = log
        self.routes: dict[tuple[str, str], Handler] = {
            ("GET", "/settings"): self._show,
            ("POST", "/settings"): self._change,
        }

    def _show(self, request: HttpRequest, now_ns: int) -> Answer:
        return json_answer(
            {
                "signer_limits": _MODES[self._buckets.enforced],
                "refuse_beyond": self._windows.refuse_beyond,
                "blocked": self._site.blocked,
                "country": self._site.country,
                "region": self._site.region,
            }
        )

    def _change(self, request: HttpRequest, now_ns: int) -> Answer:
        try:
            change = wire.decode(request.body, _Change)
        except msgspec.DecodeError as error:
            raise Refused(400, f"expected some of {', '.join(_Change.__struct_fields__)}: {error}") from None
        unknown = [name for name in change.tiers.values() if name not in TIERS]
        if unknown:
            raise Refused(400, f"expected a tier of {', '.join(TIERS)}; found {unknown[0]}")
        for address, name in change.tiers.items():
            self._buckets.assign(address, TIERS[name], now_ns)
        if change.signer_limits is not UNSET:
            self._buckets.enforced = change.signer_limits == "enforced"
        if change.refuse_beyond is not UNSET:
            self._windows.refuse_beyond = change.refuse_beyond
        self._locate(change)
        self._log.write(now_ns, "setting", **msgspec.to_builtins(change))
        return self._show(request, now_ns)

    def _locate(self, change: _Change) -> None:
        if change.blocked is not UNSET:
            self._site.blocked = change.blocked
        if change.country is not UNSET:
            self._site.country = change.country
        if change.region is not UNSET:
            self._site.region = change.region
