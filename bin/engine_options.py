"""What an engine is to do, as whoever builds it says it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from actors.assembly import Mode
from actors.store.writer import Writer
from bin.catalogue import Endpoints
from models.engine import EngineParameters
from models.messages.base import Tag

if TYPE_CHECKING:
    from actors.live import LiveVenue


@dataclass(frozen=True)
class Options:
    """What a run is to do. `markets` are slugs or condition ids, none for all; `database` a URL."""

    mode: Mode
    desks: dict[Tag, str]
    parameters: EngineParameters
    endpoints: Endpoints
    data_dir: Path
    database: str
    markets: tuple[str, ...] = ()
    recording: bool = True
    seed: int = 0
    live: "LiveVenue | None" = None
    """The venue that was found ready, in mode `live` and in no other."""
    forced: bool = False
    """Whether another mode was asked for and could not be had."""
    canary_ns: int = 0
    """What is left of the first hour live, in which hardly anything may be opened."""
    writer: Writer | None = None
    """`database` as it was opened before; None: it is opened when the engine is built."""
