"""From asking for live to a venue that may be traded on: who asks, whose money it is, and whether the venue agrees."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from config.modes import COMMAND_LINE
from surfaces.cli.errors import CommandError

if TYPE_CHECKING:
    from actors.live import LiveVenue
    from bin.catalogue import Endpoints
    from config.settings import Settings
    from surfaces.cli.options import Global


def refuse_unasked(settings: "Settings") -> None:
    """Let only those on who ask for live with this very command, and with a configuration that is armed for it.

    Raises CommandError (exit 6).
    """
    if not any(switch.name == COMMAND_LINE for switch in settings.decision.switches):
        hint = "run with --mode live, or with --mode paper"
        raise CommandError("refused", "live has to be asked for by the command itself", hint)
    if not settings.run.armed:
        hint = "set `armed: true` in the configuration file that you have checked, or KEEL_ARMED=true"
        raise CommandError("refused", "this configuration is not armed for live", hint)


def admitted(
    settings: "Settings",
    endpoints: "Endpoints",
    env_file: Path,
    options: "Global",
    alone: Callable[[str], object],
    *,
    understood: bool,
) -> "LiveVenue | None":
    """Return the venue, ready to be traded on; None where the official library is missing, so that live cannot be.

    `alone` makes sure that nobody else trades the wallet whose address it is given; it is called before the venue is
    asked anything, and may raise CommandError.

    Raises CommandError: 4 for the configuration and what the venue does not accept of it, 6 for what is not allowed.
    """
    from loguru import logger

    from actors.runtime.clock import SystemClock
    from actors.venues.polymarket.official_signer import LibraryMissing
    from bin.admission import Admission, account_of
    from bin.arming import is_on_this_machine
    from bin.secrets import read_secrets

    with told_as_commands():
        secrets = read_secrets(settings, env_file, guarded=not is_on_this_machine(endpoints.clob_url))
        account = account_of(settings.account, secrets)
        _confirm(account.maker, options, understood=understood)
        skew_max_ms = settings.account.clock_skew_max_ms
        admission = Admission(endpoints, account, secrets, SystemClock(), skew_max_ms)
        try:
            admission.library()
            alone(account.maker)
            return admission.admit()
        except LibraryMissing as error:
            logger.bind(mode="paper (forced)").error("live is not possible, trading on paper: {}", error)
            return None
        finally:
            admission.close()


@contextmanager
def told_as_commands() -> Generator[None]:
    """Tell what keeps live from starting as a command does: with its fix and its exit code."""
    from bin.admission import NotAdmitted
    from bin.secret_sources import SecretProblem

    try:
        yield
    except SecretProblem as error:
        code = "failure" if error.retryable else "configuration"
        raise CommandError(code, str(error), error.fix, retryable=error.retryable) from None
    except NotAdmitted as error:
        raise CommandError(error.code, str(error), error.fix, retryable=error.retryable) from None


def _confirm(wallet: str, options: "Global", *, understood: bool) -> None:
    """Have a person type the end of the wallet's address, unless both flags say that it is meant."""
    if understood and options.yes:
        return
    question = f"LIVE: this trades the real money of the wallet {wallet}"
    if not sys.stdin.isatty():
        raise CommandError("confirmation_required", question, "nobody can be asked here: add --i-understand-live --yes")
    sys.stderr.write(f"{question}. Type the last four characters of its address to go on: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() != wallet[-4:].lower():
        raise CommandError("refused", "not confirmed, nothing was done")
