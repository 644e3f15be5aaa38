"""Run all tests at once; the few that fail are run once more, alone. Used by `bin/test`; arguments are pytest's.

Why: some tests watch whole processes in real time. Where many run at once on a busy machine, one of them may wait in
vain for a moment that came too late. What is wrong fails alone as well; what does not is named as unsteady, so that
nobody overlooks it. More failures than a few are no such accident, and nothing is run again.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

FEW = 8
_TOLD = "KEEL_TESTS_TOLD"
"""Environment variable with the file that a run writes its outcomes to."""

Outcomes = dict[str, list[str]]
"""The ids of the tests of each outcome: passed, failed, error, skipped, xfailed, xpassed."""


def main(arguments: list[str]) -> int:
    """Return pytest's exit code of the first run, or 0 if all that failed in it passed alone."""
    began_s = time.monotonic()
    status, first = run(*arguments)
    failed = troubles(first)
    if status != pytest.ExitCode.TESTS_FAILED or not 0 < len(failed) <= FEW:
        return status
    print(f"\nonce more, alone: {len(failed)} of the tests above\n", flush=True)
    status, second = run(*failed)
    unsteady = [test for test in failed if test in second.get("passed", ()) and test not in troubles(second)]
    for test in failed:
        print(f"UNSTEADY {test}: passed alone" if test in unsteady else f"FAILED {test}: failed alone as well")
    print(summary(first, len(unsteady), time.monotonic() - began_s), flush=True)
    return status or int(unsteady != failed)


def run(*arguments: str) -> tuple[int, Outcomes]:
    """Run pytest, and return its exit code and what became of each test."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "outcomes.json"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.twice", *arguments]
        with subprocess.Popen(command, env={**os.environ, _TOLD: str(told)}) as process:
            signal.signal(signal.SIGTERM, lambda *_: process.terminate())
            signal.signal(signal.SIGINT, lambda *_: None)  # a terminal interrupts both: pytest ends in good order
            status = process.wait()
        return status, json.loads(told.read_text(encoding="utf-8")) if told.exists() else {}


def troubles(outcomes: Outcomes) -> list[str]:
    """Return what failed or could not be run, each once."""
    return sorted({*outcomes.get("failed", ()), *outcomes.get("error", ())})


def summary(first: Outcomes, unsteady: int, took_s: float) -> str:
    """Say what came of all, as pytest does."""
    failed = troubles(first)
    counts = {"failed": len(failed) - unsteady, "passed": len({*first["passed"]} - {*failed}) + unsteady}
    counts |= {outcome: len(first[outcome]) for outcome in ("skipped", "xfailed", "xpassed")}
    said = [f"{count} {outcome}" for outcome, count in counts.items() if count]
    return f"{', '.join(said)} in {took_s:.2f}s ({unsteady} unsteady)"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write down what became of each test: here this module is pytest's plugin."""
    if path := os.environ.get(_TOLD):
        outcomes: Outcomes = {}
        for outcome in ("passed", "failed", "error", "skipped", "xfailed", "xpassed"):
            outcomes[outcome] = [report.nodeid for report in terminalreporter.stats.get(outcome, ())]
        Path(path).write_text(json.dumps(outcomes), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
