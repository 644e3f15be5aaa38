"""`keel doctor`: what works and what does not, and what to do about it. It places and cancels nothing.

Why it makes no API key either: an examination changes nothing. It derives the key that is there; where there is none,
the first live start makes it.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias

from cyclopts import Parameter

from bin.live import told_as_commands
from surfaces.cli.errors import CommandError, Exit
from surfaces.cli.options import DEFAULTS, Options
from surfaces.cli.output import Column, Output, Text

if TYPE_CHECKING:
    from bin.admission import Admission
    from bin.catalogue import Endpoints
    from bin.secrets import Secrets
    from config.settings import Settings

Status: TypeAlias = Literal["ok", "warn", "fail", "skip"]
Row: TypeAlias = dict[str, Any]

_TRIES: Final = 5
_WITHIN_S: Final = 5.0
_SLOW_MS: Final = 500.0


def command(
    *,
    sandbox: str | None = None,
    config: Path | None = None,
    env_file: Path | None = None,
    offline: Annotated[bool, Parameter(negative="")] = False,
    strict: Annotated[bool, Parameter(negative="")] = False,
    options: Options = DEFAULTS,
) -> int:
    """Check program, machine, configuration, venue and account; exits with 9 where a check fails. Never sends an order.

    keel doctor --sandbox http://127.0.0.1:8642 --json

    Parameters
    ----------
    sandbox
        URL of a running `keel sandbox`, in place of the configured endpoints.
    config
        Configuration file; config.yaml where it is there.
    env_file
        File of environment variables; .env where it is there.
    offline
        Ask no venue.
    strict
        A warning counts as a failure.
    """
    from bin.hardening import keep_to_itself

    keep_to_itself()
    examination = Examination()
    examination.program()
    settings = examination.configuration(config, env_file)
    if settings is not None:
        examination.machine(settings, options.data_dir)
    if settings is not None and not offline:
        examination.venue(settings, sandbox, env_file)
    rows = examination.rows
    bad = {"fail", "warn"} if strict else {"fail"}
    healthy = not any(row["status"] in bad for row in rows)
    columns = tuple(
        Column(name.upper(), lambda row, name=name: str(row[name])) for name in ("status", "check", "detail")
    )
    fixes = [f"{row['check']}: {row['fix']}" for row in rows if row["fix"]]
    document = {"schema": "keel.doctor/1", "healthy": healthy, "checks": rows}
    Output(options).show(document, Text((), columns, rows, fixes))
    return Exit.OK if healthy else Exit.UNHEALTHY


class Examination:
    """Collects a row for each check: its status, what was found, what to do, and figures for scripts."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    # Without the venue

    def program(self) -> None:
        """Look at Python and at the official library."""
        from actors.venues.polymarket.official_signer import LIBRARY, LibraryMissing, library_version

        self._say("python", "ok", sys.version.split()[0])
        try:
            self._say("client library", "ok", f"{LIBRARY} {library_version()}")
        except LibraryMissing as error:
            self._say("client library", "fail", str(error), "without it live falls back to paper: bin/setup live")

    def machine(self, settings: "Settings", data_dir: Path) -> None:
        """Look at what an engine needs of this machine."""
        from bin.machine import findings

        folder = data_dir if data_dir != DEFAULTS.data_dir else Path(settings.run.data_dir)
        for found in findings(folder, settings.run.db):
            self._say(found.check, found.status, found.detail, found.fix, **found.figures)

    def configuration(self, config: Path | None, env_file: Path | None) -> "Settings | None":
        """Read the configuration as a run does."""
        from config.problems import ConfigurationError
        from config.settings import CONFIG_FILE, ENV_FILE, load

        try:
            settings = load(config_file=config or CONFIG_FILE, env_file=env_file or ENV_FILE)
        except ConfigurationError as error:
            self._say("configuration", "fail", str(error), "correct it; keys and units: config/default.yaml")
            return None
        armed = "armed for live" if settings.run.armed else "not armed for live"
        self._say("configuration", "ok", f"mode {settings.mode}, {armed}")
        return settings

    # With the venue

    def venue(self, settings: "Settings", sandbox: str | None, env_file: Path | None) -> None:
        """Ask the venue, without an account and, where a private key is given, with it."""
        from bin.catalogue import VenueUnreachable, sandbox_endpoints
        from bin.run import configured_endpoints
        from config.settings import ENV_FILE

        try:
            endpoints = configured_endpoints(settings) if sandbox is None else sandbox_endpoints(sandbox)
        except VenueUnreachable as error:
            self._say("venue", "fail", str(error), "start one: keel sandbox --port 8642")
            return
        self._latencies(endpoints)
        secrets = self._secrets(settings, env_file or ENV_FILE, endpoints.clob_url)
        self._account(settings, endpoints, secrets)

    def _latencies(self, endpoints: "Endpoints") -> None:
        asked = (
            ("clob", endpoints.clob_url, "/time"),
            ("gamma", endpoints.gamma_url, "/markets?limit=1"),
            ("relayer", endpoints.relayer_url, f"/deployed?address=0x{'0' * 40}"),
            ("site", endpoints.site_url, "/api/geoblock"),
        )
        for name, url, path in asked:
            self._try(f"latency {name}", lambda url=url, path=path: _latency(url, path))
        for name, url in (("market feed", endpoints.market_ws_url), ("user feed", endpoints.user_ws_url)):
            self._try(f"latency {name}", lambda url=url: _connect(url))

    def _secrets(self, settings: "Settings", env_file: Path, venue_url: str) -> "Secrets | None":
        from bin.arming import is_on_this_machine
        from bin.secrets import PRIVATE_KEY, has_key, read_secrets

        found: list[Secrets] = []

        def read() -> tuple[Status, str, Row]:
            if not has_key(settings, env_file):
                return "skip", "none is given: keel wallet import, or docs/secrets.md, to have the account checked", {}
            found.append(read_secrets(settings, env_file))
            address, place = found[0].key.address, found[0].places[PRIVATE_KEY]
            figures = {"address": address, "places": found[0].listed()}
            if found[0].exposed and not is_on_this_machine(venue_url):
                return "warn", f"of the account {address}; live refuses {', '.join(found[0].exposed)}", figures
            return "ok", f"of the account {address}, from {place}", figures

        self._try("private key", read)
        return found[0] if found else None

    def _account(self, settings: "Settings", endpoints: "Endpoints", secrets: "Secrets | None") -> None:
        """Check what a live start checks, each by itself; without a key as a stranger, as far as one may ask."""
        from actors.runtime.clock import SystemClock
        from actors.venues.polymarket.keys import SigningKey
        from actors.venues.polymarket.orders import Account, SignatureType
        from actors.venues.secret import Secret
        from bin.admission import Admission, account_of

        made: list[Account] = []
        if secrets is None:
            stranger = SigningKey(Secret("1".zfill(64)))
            made.append(Account(stranger, settings.account.chain_id, SignatureType.ACCOUNT, stranger.address))
        else:

            def read() -> tuple[Status, str, Row]:
                made.append(account_of(settings.account, secrets))
                return "ok", f"type {made[0].signature_type:d}, wallet {made[0].maker}", {"wallet": made[0].maker}

            self._try("account", read)
        if not made:
            return
        admission = Admission(endpoints, made[0], secrets, SystemClock(), settings.account.clock_skew_max_ms)
        try:
            self._public(admission)
            if secrets is not None:
                self._private(admission)
        finally:
            admission.close()

    def _public(self, admission: "Admission") -> None:
        def generation() -> tuple[Status, str, Row]:
            version = admission.version()
            return "ok", f"{version}; markets of the newer protocol: 3", {"generation": version}

        def skew() -> tuple[Status, str, Row]:
            ahead_s = admission.skew_s()
            return "ok", f"the venue is {ahead_s:+d} s from us", {"skew_s": ahead_s}

        def region() -> tuple[Status, str, Row]:
            found = admission.region()
            return "ok", f"{found.country} {found.region}".strip(), {"country": found.country, "blocked": found.blocked}

        self._try("protocol generation", generation)
        self._try("clock skew", skew)
        self._try("region", region)

    def _private(self, admission: "Admission") -> None:
        def key() -> tuple[Status, str, Row]:
            return "ok", f"API key {admission.existing_credentials().api_key}", {}

        def tier() -> tuple[Status, str, Row]:
            name = admission.rate_tier()
            return "ok", name, {"tier": name}

        def wallet() -> tuple[Status, str, Row]:
            admission.wallet()
            return "ok", "stands on chain", {}

        def standing() -> tuple[Status, str, Row]:
            admission.standing()
            return "ok", "may open positions", {}

        def allowances() -> tuple[Status, str, Row]:
            from models.units import format_money

            found = admission.collateral(admission.version())
            spenders = {spender: str(most) for spender, most in found.allowances.items()}
            cash = format_money(found.amount)
            return "ok" if found.amount else "warn", f"${cash}, {len(spenders)} exchanges", {
                "cash": cash, "allowances": spenders,
            }  # fmt: skip

        if self._try("API key", key):
            self._try("rate tier", tier)
            self._try("wallet", wallet)
            self._try("standing", standing)
            self._try("allowances", allowances)
            self._try("merge path", lambda: ("ok", admission.merge_path(), {}), otherwise="warn")

    def _try(
        self, check: str, look: Callable[[], tuple[Status, str, Row]], otherwise: Literal["fail", "warn"] = "fail"
    ) -> bool:
        """Do a check; what it raises is what is wrong."""
        try:
            with told_as_commands():
                status, detail, figures = look()
        except CommandError as error:
            self._say(check, otherwise, error.message, error.hint)
            return False
        self._say(check, status, detail, **figures)
        return True

    def _say(self, check: str, status: Status, detail: str, fix: str = "", **figures: Any) -> None:
        self.rows.append({"check": check, "status": status, "detail": detail, "fix": fix, "figures": figures})


def _latency(url: str, path: str) -> tuple[Status, str, Row]:
    """Ask a few times over one connection; the first time it is also made."""
    from actors.runtime.clock import monotonic_ns
    from actors.venues.gated_transport import AnswerLost, NotSent
    from actors.venues.http_client import HttpClient

    client = HttpClient(url)
    took_ms: list[float] = []
    try:
        for _ in range(_TRIES):
            began_ns = monotonic_ns()
            status = client.exchange("GET", path, within_s=_WITHIN_S).status
            took_ms.append((monotonic_ns() - began_ns) / 1e6)
            if status >= 500:
                raise CommandError("failure", f"{url} answered {status}", "try again later")
    except (NotSent, AnswerLost) as error:
        raise CommandError("failure", f"{url}: {error}", "check the network and the address") from None
    finally:
        client.close()
    return _judged(took_ms[0], median(took_ms[1:]))


def _connect(url: str) -> tuple[Status, str, Row]:
    from actors.runtime.clock import monotonic_ns
    from actors.venues.websocket_client import ConnectionLost, WebSocketClient

    began_ns = monotonic_ns()
    try:
        WebSocketClient(url, _WITHIN_S).close()
    except ConnectionLost as error:
        raise CommandError("failure", f"{url}: {error}", "check the network and the address") from None
    took_ms = (monotonic_ns() - began_ns) / 1e6
    return _judged(took_ms, took_ms)


def _judged(first_ms: float, then_ms: float) -> tuple[Status, str, Row]:
    figures = {"first_ms": round(first_ms, 2), "median_ms": round(then_ms, 2)}
    return "warn" if then_ms > _SLOW_MS else "ok", f"{then_ms:.1f} ms, connecting {first_ms:.1f} ms", figures
