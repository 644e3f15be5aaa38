"""The generated part of `docs/invariants.md`."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from research.invariants.catalogue import INVARIANTS, PARTS
from research.invariants.marks import KINDS, ROOT, Proof

PAGE: Final = ROOT / "docs" / "invariants.md"

_BEGIN: Final = "<!-- made from the marks of tests and proofs: python -m research.invariants -->"
_END: Final = "<!-- end -->"
_KINDS_WANTED: Final = 2


def render(page: str, proofs: Sequence[Proof]) -> str:
    """Return a page with all invariants between its two marks. Raises ValueError where the marks are missing."""
    head, _, rest = page.partition(_BEGIN)
    _, mark, tail = rest.partition(_END)
    if not mark:
        raise ValueError(f"the page has no place for the invariants: {_BEGIN} ... {_END}")
    lines = "\n".join((*_overview(proofs), *_all(proofs), *_thin(proofs)))
    return f"{head}{_BEGIN}\n{lines}\n{_END}{tail}"


def unproven(proofs: Sequence[Proof]) -> list[str]:
    """Return the invariants that nothing proves."""
    proven = {proof.invariant for proof in proofs}
    return [invariant for invariant in INVARIANTS if invariant not in proven]


def unknown(proofs: Sequence[Proof]) -> list[str]:
    """Return where something is said to be proven that is no invariant."""
    return [f"{proof.place}::{proof.name} {proof.invariant}" for proof in proofs if proof.invariant not in INVARIANTS]


def thin(proofs: Sequence[Proof]) -> list[str]:
    """Return the invariants that are proven in one way only."""
    return [invariant for invariant in INVARIANTS if len(_kinds(proofs, invariant)) < _KINDS_WANTED]


def _overview(proofs: Sequence[Proof]) -> Iterator[str]:
    yield from ("", "| | invariant | class | proven by |", "|---|---|---|---|")
    for name, invariant in INVARIANTS.items():
        kinds = _kinds(proofs, name)
        told = ", ".join(f"{kind} {kinds[kind]}" for kind in KINDS if kind in kinds) or "**nothing**"
        yield f"| [{name}](#{name.lower()}) | {invariant.name} | {invariant.kind} | {told} |"


def _all(proofs: Sequence[Proof]) -> Iterator[str]:
    for part, numbers in PARTS.items():
        yield from ("", f"## {part}")
        for number in numbers:
            yield from _one(f"I{number}", proofs)


def _one(name: str, proofs: Sequence[Proof]) -> Iterator[str]:
    invariant = INVARIANTS[name]
    yield from (
        "",
        f'<a id="{name.lower()}"></a>',
        "",
        f"**{name} {invariant.name}** ({invariant.kind}). {invariant.holds}",
    )
    ours = [proof for proof in proofs if proof.invariant == name]
    if ours:
        yield ""
    for kind in KINDS:
        files: dict[str, list[str]] = defaultdict(list)
        for proof in ours:
            if proof.kind == kind:
                files[proof.place].append(f"`{proof.name}`")
        for place, names in files.items():
            yield f"- {kind}: [{place}](../{place}) {', '.join(dict.fromkeys(names))}"


def _thin(proofs: Sequence[Proof]) -> Iterator[str]:
    yield from ("", "## Proven in one way only", "")
    names = thin(proofs)
    if not names:
        yield "None: each invariant has at least two kinds of proof that do not depend on one another."
    for name in names:
        kinds = ", ".join(_kinds(proofs, name)) or "nothing"
        yield f"- {name} {INVARIANTS[name].name}: {kinds}"


def _kinds(proofs: Sequence[Proof], invariant: str) -> dict[str, int]:
    counted: dict[str, int] = {}
    for proof in proofs:
        if proof.invariant == invariant:
            counted[proof.kind] = counted.get(proof.kind, 0) + 1
    return counted
