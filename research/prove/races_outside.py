"""Another process, for what only another one can do: kill past an engine, or want the same lock.

It takes a line and answers one: `kill LATCH`, `take DATABASE`, `let go`. Run as a module it is that process.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final, Self

_PATIENCE_S: Final = 10.0


class Outside:
    """One such process, which takes a while to start and is used again and again."""

    def __enter__(self) -> Self:
        self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def die(self) -> None:
        """Kill it in the midst of whatever it holds, and start another."""
        self._end()
        self._begin()

    def _begin(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "research.prove.races_outside"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip

    def _end(self) -> None:
        self._process.kill()
        self._process.communicate()

    def tell(self, line: str) -> None:
        """Have it do something; what came of it is `heard`."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")

    def heard(self) -> str:
        """Wait for its answer. Raises RuntimeError where it has died."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the other process has died")
        return line.rstrip("\n")

    def ask(self, line: str) -> str:
        """Have it do something, and wait until it has."""
        self.tell(line)
        return self.heard()


def _serve() -> None:
    from actors.latch import kill_from_outside
    from actors.store.lease import FileLock
    from actors.store.trouble import StoreBusy

    held: FileLock | None = None
    for line in sys.stdin:
        what, _, path = line.rstrip("\n").partition(" ")
        if what == "kill":
            said = "killed" if kill_from_outside(Path(path), "race", "outside", 0, _PATIENCE_S) else "an order hangs"
        elif what == "take":
            try:
                held = FileLock(Path(path))
            except StoreBusy:
                said = "busy"
            else:
                said = "taken"
        else:
            if held is not None:
                held.release()
            held, said = None, "let go"
        print(said, flush=True)


if __name__ == "__main__":
    _serve()
