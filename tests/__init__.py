"""The tests: they mirror the tree. A package, because the import rules name a contract that stands here."""
