"""What always holds, and what proves it: `docs/invariants.md` is made from here."""
