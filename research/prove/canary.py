"""`bin/prove canary`: engines trade live with secrets that are known, in all sorts of trouble; then these are searched.

Troubles: keys that are wrong in several ways, connections that are cut, answers that are lost, answers that say back
every header of the question, an end by SIGABRT with all stacks, a signer that dies. Searched is all that came of it:
logs, databases, journals, tapes, copies, what commands answered, the control socket's answers, what stands of the
processes in /proc, core files. The second engine has a signer, and its memory is searched as well.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

from research.prove.canary_scan import Canaries, Scan
from research.prove.echo import echo
from research.prove.processes import UNHINDERED, Engine, Sandbox, engine, keel, sandbox, until, wait

SCHEMA: Final = "keel.prove.canary/1"
SECRETS: Final = "secrets"
"""The folder in which the secrets themselves stand, which is not searched."""

_COMMANDS: Final = (
    ("status", "--json"), ("why",), ("monitor", "--once", "--json"), ("wallet", "show"), ("doctor", "--offline"),
)  # fmt: skip
"""What is asked in the midst of trouble, and kept."""
_SETTINGS: Final = {
    "KEEL_ARMED": "true", "STRATEGY_TAG": "canary", "WALLET_USD": "10000", "PM_BID_SIZE": "5", "PM_MAX_NET_DIFF": "100",
    "PM_MAX_POSITION_VALUE": "500", "LOG_LEVEL": "DEBUG", "KEEL_RUNTIME__SLOW_TURN_MS": "10000",
}  # fmt: skip
_START_S: Final = 90.0
_SCENES: Final = 9
_SIGNATURES: Final = 8
"""Signed requests whose signatures are searched: any that stood in a log would stand there as often as requests do."""


@dataclass(slots=True)
class Report:
    """What was found. `memory` is what was read of a process that has a signer; None: it could not be."""

    folder: Path
    shapes: int = 0
    scan: Scan = field(default_factory=Scan)
    scenes: list[str] = field(default_factory=list[str])
    memory: int | None = None
    memory_hits: int = 0
    wrong: list[str] = field(default_factory=list[str])

    @property
    def holds(self) -> bool:
        """Whether no secret was found anywhere, and everything happened that was to."""
        return not self.scan.hits and not self.memory_hits and not self.wrong


def prove_canary(seed: int, told: Callable[[float], object], folder: Path | None = None) -> Report:
    """Run it. Raises RuntimeError, TimeoutError where an engine does not do what it is to."""
    report = Report(folder or Path(mkdtemp(prefix="keel-canary-")))
    report.folder.mkdir(parents=True, exist_ok=True)
    with sandbox("--port", 0, "--markets-count", 3, "--seed", seed) as venue:
        scenes = _Scenes(venue, report, told)
        scenes.wrong_keys()
        scenes.troubles()
        scenes.signer()
        canaries = Canaries(scenes.secrets)
    told(1.0)
    report.shapes = canaries.shapes
    report.scan = canaries.look_through(report.folder, (SECRETS,))
    report.wrong += [f"a database that cannot be read: {name}" for name in report.scan.unread]
    report.wrong += [f"a core file: {path.name}" for path in report.folder.rglob("core*") if path.is_file()]
    return report


class _Scenes:
    """What is done to the engines, one scene after the other."""

    def __init__(self, venue: Sandbox, report: Report, told: Callable[[float], object]) -> None:
        self._venue = venue
        self._report = report
        self._told = told
        self._folder = report.folder
        self._answers = report.folder / "answers"
        self._answers.mkdir(exist_ok=True)
        self._owner, self._other = venue.said["accounts"][1], venue.said["accounts"][0]
        own, other = _named(self._owner), _named(self._other)
        self._private = other["private_key"]
        self._password = secrets.token_urlsafe(24)
        self.secrets = {f"{whose}'s {name}": text for whose, named in (("first", own), ("second", other))
                        for name, text in named.items() if name != "api_key"}  # fmt: skip
        self.secrets["keystore's password"] = self._password
        self._keep("all", own)
        self._keep("signed", {name: text for name, text in other.items() if name != "private_key"})
        self._keep("wrong", {**own, "private_key": other["private_key"]})
        self._keep("short", {**own, "private_key": own["private_key"][:-1]})
        self._keep("password", {"keystore_password": self._password})

    def wrong_keys(self) -> None:
        """Start with keys that are not right, and see them refused."""
        for name in ("wrong", "short"):
            self._scene(f"a key that is {name}")
            done = keel(
                "run", *self._live(), *self._here(), "-v", "--data-dir", self._folder / name, **self._whose(name)
            )
            self._write(f"{name}.txt", done.stdout + done.stderr)
            self._hold(f"a {name} key is refused (exit 4)", done.returncode == 4)

    def troubles(self) -> None:
        """Trade while connections are cut, answers lost, and headers said back; then end it with all its stacks."""
        with echo(self._venue.url) as way:
            where = self._whose("all") | self._endpoints(way.url)
            data_dir = self._folder / "troubled"
            with engine(data_dir, *self._live(), **where) as running:
                self._trades(running)
                self._scene("answers that say all headers back")
                way.on = True
                until(lambda: way.echoed >= 12, "headers are said back", _START_S)
                self._ask(running, "echoed", where)
                way.on = False
                self._search_for(way.signatures)
                self._scene("connections that are cut, answers that are lost")
                for fault in ("lose_answer", "error_though_done"):
                    self._venue.asked("/faults", {"fault": fault, "count": 5})
                self._venue.asked("/faults", {"fault": "cut_lines"})
                self._venue.asked("/faults", {"fault": "close_idle"})
                wait(3)
                self._scene("an end with all stacks")
                running.process.send_signal(signal.SIGABRT)
                running.process.wait(30)
        self._hold("SIGABRT ended it", running.process.returncode == -signal.SIGABRT)

    def signer(self) -> None:
        """Trade with a signer, which dies; look into the memory of the engine, which never had the key."""
        self._scene("a signer")
        store = self._folder / SECRETS / "keystore.json"
        made = subprocess.run(
            [sys.executable, "-P", "-m", "bin.main", "wallet", "import", "--stdin", "--yes", "--out", str(store)],
            input=f"{self._private}\n{self._password}\n", capture_output=True, text=True, check=False,
        )  # fmt: skip
        self._write("import.txt", made.stdout + made.stderr)
        data_dir = self._folder / "signed"
        path = data_dir / "signer" / "signer.sock"
        with self._signing(data_dir, store) as process:
            until(path.exists, "the signer listens", _START_S)
            where = self._whose("signed") | {"KEEL_ACCOUNT__SIGNER": str(path)}
            with engine(data_dir, *self._live(), *self._here(), **where) as running:
                self._trades(running)
                self._report.memory, self._report.memory_hits = _memory(running.process.pid, self._private)
                process.kill()
                process.wait(30)
                until(lambda: "does not answer" in running.keel("why").stdout, "it says who is missing", _START_S)
                self._ask(running, "signer", where)

    # Parts

    def _search_for(self, signatures: Sequence[str]) -> None:
        self._hold("requests with signatures were said back", bool(signatures))
        self.secrets |= {f"a request's signature {number}": one for number, one in enumerate(signatures[-_SIGNATURES:])}

    def _trades(self, running: Engine) -> None:
        self._scene(f"trading in {running.data_dir.name}")
        running.done("resume", "--yes", timeout_s=_START_S)

        def placed() -> bool:
            done = running.keel("status", "--json")
            return done.returncode == 0 and json.loads(done.stdout)["orders"] > 0

        until(placed, "it trades", _START_S)

    def _ask(self, running: Engine, when: str, where: Mapping[str, str]) -> None:
        """Keep what commands and the control socket answer, and what stands of the process in /proc."""
        for command in _COMMANDS:
            done = keel(*command, "--data-dir", running.data_dir, **where)
            self._write(f"{when}-{'-'.join(command)}.txt", done.stdout + done.stderr)
        copied = running.keel("db", "backup", self._folder / f"copies-{when}")
        self._write(f"{when}-backup.txt", copied.stdout + copied.stderr)
        for pid in (running.process.pid, *_children(running.process.pid)):
            for name in ("cmdline", "environ", "limits"):
                seen = Path(f"/proc/{pid}/{name}")
                if os.access(seen, os.R_OK):
                    (self._answers / f"{when}-{pid}-{name}").write_bytes(seen.read_bytes())

    @contextmanager
    def _signing(self, data_dir: Path, store: Path) -> "Iterator[subprocess.Popen[bytes]]":
        data_dir.mkdir(parents=True)
        whose = self._whose(None) | {
            "KEEL_ACCOUNT__KEYSTORE_FILE": str(store),
            "CREDENTIALS_DIRECTORY": str(self._folder / SECRETS / "password"),
            "PATH": os.environ.get("PATH", ""),
        }
        with (data_dir / "signer.txt").open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "bin.main", "signer", "--data-dir", str(data_dir)],
                cwd=data_dir, env=whose, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(30)

    def _live(self) -> tuple[str, ...]:
        return ("--mode", "live", "--i-understand-live", "--yes")

    def _here(self) -> tuple[str, ...]:
        return ("--sandbox", self._venue.url)

    def _whose(self, name: str | None) -> dict[str, str]:
        """Return the settings of an account, and of the folder in which its secrets stand."""
        # What another engine did on an account would be a stranger's doing to the next one.
        owner = self._other if name in (None, "signed") else self._owner
        whose = {"SIGNATURE_TYPE": str(owner["signature_type"]), "KEEL_ACCOUNT__FUNDER": owner["funder"]}
        if name is not None:
            whose["KEEL_ACCOUNT__SECRETS_DIR"] = str(self._folder / SECRETS / name)
        return {**_SETTINGS, **UNHINDERED, **whose}

    def _endpoints(self, way: str) -> dict[str, str]:
        """Return where everything is, the CLOB behind the way that says headers back."""
        with urllib.request.urlopen(f"{self._venue.url}/sandbox/status", timeout=30) as answer:  # noqa: S310 - a loopback address that our sandbox said
            said = json.load(answer)["endpoints"]
        named = ("market_ws_url", "user_ws_url", "gamma_url", "relayer_url", "site_url")
        return {f"KEEL_ENDPOINTS__{name.upper()}": said[name] for name in named} | {"KEEL_ENDPOINTS__CLOB_URL": way}

    def _keep(self, name: str, texts: Mapping[str, str]) -> None:
        folder = self._folder / SECRETS / name
        folder.mkdir(mode=0o700, parents=True)
        for file, text in texts.items():
            (folder / file).write_text(f"{text}\n", encoding="utf-8")
            (folder / file).chmod(0o600)

    def _write(self, name: str, text: str) -> None:
        (self._answers / name).write_text(text, encoding="utf-8")

    def _scene(self, what: str) -> None:
        self._report.scenes.append(what)
        self._told(len(self._report.scenes) / _SCENES)

    def _hold(self, claim: str, holds: bool) -> None:
        if not holds:
            self._report.wrong.append(claim)


def _named(account: Mapping[str, Any]) -> dict[str, str]:
    """Return the secrets of an account under the names of their files."""
    return {
        "private_key": account["private_key"], "api_key": account["api_key"], "api_secret": account["api_secret"],
        "api_passphrase": account["api_passphrase"], "relayer_api_key": account["relayer_api_key"]["key"],
    }  # fmt: skip


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(one) for one in tasks.read_text().split()] if tasks.exists() else []


def _memory(pid: int, private: str) -> tuple[int | None, int]:
    """Search what a process can write to of its memory; None where nobody lets us read it."""
    digits = private.removeprefix("0x")
    looked_for = (digits.encode(), bytes.fromhex(digits))
    read, hits = 0, 0
    try:
        with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
            for line in maps:
                place, may = line.split()[:2]
                begin, end = (int(part, 16) for part in place.split("-"))
                if not may.startswith("rw"):
                    continue
                memory.seek(begin)
                data: Any = memory.read(end - begin) or b""
                read += len(data)
                hits += sum(data.count(one) for one in looked_for)
    except OSError:
        return (read or None), hits
    return read, hits
