"""The web site, as far as a bot asks it: whether the caller may trade from where it is."""

from sandbox.messages import Answer, HttpRequest
from sandbox.rest.routes import Handler, json_answer


class Site:
    """Says where the caller is; to be set by whoever wants it elsewhere."""

    def __init__(self) -> None:
        self.blocked = False
        self.country = "IE"
        self.region = "L"
        self.routes: dict[tuple[str, str], Handler] = {("GET", "/api/geoblock"): self._geoblock}

    def _geoblock(self, request: HttpRequest, now_ns: int) -> Answer:
        return json_answer({"blocked": self.blocked, "ip": "127.0.0.1", "country": self.country, "region": self.region})
