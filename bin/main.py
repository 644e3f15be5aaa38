"""The `keel` command."""

from importlib.metadata import version

from cyclopts import App

app = App(name="keel", help="Trades prediction markets as supervised actors.", version=lambda: version("keel"))


def main() -> None:
    """Run the command that the arguments name."""
    app()


if __name__ == "__main__":
    main()
