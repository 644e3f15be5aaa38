"""A person lifts a kill while somebody kills again: a kill that was said after theirs had begun stands.

Also over a restart, but for a signal, whose handler writes nothing: whoever carries it out does.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from random import Random
from threading import Barrier, Thread  # noqa: TID251 - the people of a proof, which has no dispatcher
from typing import Final

from research.prove.races_orders import KILLS, Attempt, Made, Scene
from research.prove.races_outside import Outside
from research.prove.witness import Findings

_SPINS: Final = 10_000
"""Turns of an empty loop, each some ten nanoseconds: as long as a lift takes, and a thread to begin."""
_PATIENCE_S: Final = 20.0
_SIGNAL: Final = "a signal"


class ClearRace:
    """Killed, and then lifted and killed at once."""

    def __init__(self, latch: Path, made: Made, outside: Outside) -> None:
        self._latch = latch
        self._made = made
        self._outside = outside

    def attempt(self, random: Random, findings: Findings, figures: Counter[str]) -> None:
        """Race once."""
        name = random.choice(list(KILLS))
        scene = Scene(self._made(self._latch), self._latch, self._outside)
        KILLS[random.choice(list(KILLS))].close(scene)
        order, together = count(), Barrier(2)
        times: dict[str, int] = {}
        waits = [random.randrange(_SPINS), random.randrange(_SPINS), random.randrange(3 * _SPINS)]

        def lift() -> None:
            together.wait()
            _spin(waits[0])
            known = scene.gate.kills()
            times["known"] = next(order)
            _spin(waits[1])
            times["lifted"] = scene.gate.clear(known)

        def kill() -> None:
            together.wait()
            _spin(waits[2])
            times["said"] = next(order)
            KILLS[name].close(scene)

        threads = [Thread(target=target, daemon=True) for target in (lift, kill)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(_PATIENCE_S)
        findings.hold("no lift and no kill hangs", not any(one.is_alive() for one in threads), lambda: name)
        later = times["said"] > times["known"]
        figures["kills said during a lift"] += later
        figures["lifted"] += times["lifted"]
        with scene.gate.passes() as refusal:
            stands = refusal is not None
        claim = "a kill that was said during a lift stands"
        findings.hold(claim, stands or not later, lambda: f"{name}: the gate is open")
        if name != _SIGNAL:
            again = self._made(self._latch).killed
            findings.hold(
                f"{claim} over a restart", again is not None or not later, lambda: f"{name}: it is not killed"
            )
        findings.hold(
            "a lift that was refused leaves all killed",
            stands or bool(times["lifted"]),
            lambda: f"{name}: refused, and the gate is open",
        )
        self._latch.unlink(missing_ok=True)


def _spin(turns: int) -> None:
    for _ in range(turns):
        pass


@contextmanager
def clears(folder: Path, made: Made) -> Iterator[Attempt]:
    """Have another process ready."""
    with Outside() as outside:
        yield ClearRace(folder / "KILL", made, outside).attempt
