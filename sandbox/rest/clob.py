"""All public endpoints of the CLOB's REST API, with the venue's statuses and error texts."""

from sandbox.markets import Catalogue
from sandbox.messages import Answer
from sandbox.rest.listings import Listings
from sandbox.rest.prices import Prices
from sandbox.rest.routes import Handler
from sandbox.rest.tape import Tape
from sandbox.rewards import Rewards
from sandbox.units import SECOND


def public_routes(catalogue: Catalogue, tape: Tape, rewards: Rewards, protocol: int) -> dict[tuple[str, str], Handler]:
    """What answers those who need not say who they are; `protocol` is the generation of orders that is taken."""
    return {
        ("GET", "/"): lambda request, now_ns: Answer(200, '"OK"'),
        ("GET", "/ok"): lambda request, now_ns: Answer(200, '"OK"'),
        ("GET", "/time"): lambda request, now_ns: Answer(200, str(now_ns // SECOND)),
        ("GET", "/version"): lambda request, now_ns: Answer(200, f'{{"version":{protocol}}}'),
        **Prices(catalogue, tape).routes,
        **Listings(catalogue, tape, rewards).routes,
    }
