"""What each proof is called with: `NAME`, `HELP`, `add_arguments(parser)` and `run(asked) -> int`."""
