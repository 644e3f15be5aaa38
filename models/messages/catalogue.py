"""What is said when a market comes into the catalogue of a running engine, or leaves it.

Why a message and no new catalogue: those who know markets run on several threads, and each has to learn of one between
two of its turns, never within one.
"""

from typing import ClassVar

from models.markets import Market
from models.messages.base import Lane, Message


class MarketListed(Message, frozen=True):
    """A person has a market traded too, or again; or no more, once it is off, flat and nothing of it is open.

    `mode`: it holds for runs of this kind, also for later ones.
    """

    lane: ClassVar[Lane] = Lane.CONTROL
    dispensable: ClassVar[bool] = False
    listed: Market
    traded: bool
    mode: str
    who: str
    at_ns: int
