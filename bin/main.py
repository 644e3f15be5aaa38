"""The `keel` command: the composition root, which alone may know every part."""

import sys
from types import ModuleType

from bin.redaction import guard_streams
from surfaces.cli.app import run


def main() -> None:
    """Run the command that the arguments name and exit with its code. What it says has no secrets in it."""
    guard_streams()
    sys.modules["httpx._main"] = ModuleType("httpx has no command line here")  # it would bring click, rich and pygments
    sys.exit(run())


if __name__ == "__main__":
    main()
