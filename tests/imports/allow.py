"""Which third-party packages each of our packages may import: an allow-list as a contract of import-linter.

Why an own contract: import-linter can forbid, but a list of what is forbidden never ends. The list of what is allowed
stands in pyproject.toml; for each module the entry of its nearest package counts, and `*` stands for everything.
"""

import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class TableField(fields.Field[dict[str, list[str]]]):
    """A table of TOML: package -> what it may import."""

    def parse(self, raw_data: Any) -> dict[str, list[str]]:
        if not isinstance(raw_data, dict):
            raise fields.ValidationError("Must be a table: package = [what it may import].")
        return cast(dict[str, list[str]], raw_data)


class AllowContract(Contract):
    """Direct imports of third parties by our modules are all in the table `allowed`."""

    allowed = TableField()

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        table = cast(dict[str, list[str]], self.allowed)
        broken = [line for module in sorted(graph.modules) for line in _refused(graph, module, table)]
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for line in check.metadata["broken"]:
            output.print_error(line, bold=False)


def _refused(graph: ImportGraph, module: str, table: dict[str, list[str]]) -> Iterator[str]:
    parts = module.split(".")
    packages = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    allowed = next((table[package] for package in packages if package in table), [])
    for imported in sorted(graph.find_modules_directly_imported_by(module)):
        package = imported.partition(".")[0]
        ours = not graph.is_module_squashed(imported)
        if ours or package in sys.stdlib_module_names or any(fnmatchcase(package, name) for name in allowed):
            continue
        lines = [details["line_number"] for details in graph.get_import_details(importer=module, imported=imported)]
        yield f"{module} may not import {imported} (line {', '.join(map(str, lines))})"
