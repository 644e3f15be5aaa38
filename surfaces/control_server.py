"""The command bus on a Unix socket: HTTP and versioned JSON, for the CLI, the monitor and scripts."""

from pathlib import Path
from threading import Event, Thread
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from actors.control.bus import Control
from surfaces.control_guard import Guard, peer_of
from surfaces.control_routes import control_app
from surfaces.socket_file import bind

_START_S: Final = 10.0
_STOP_S: Final = 3.0


class ControlServer:
    """Serves a command bus for as long as the engine runs, in a daemon thread with a loop of its own."""

    def __init__(self, control: Control, data_dir: Path) -> None:
        self._data_dir = data_dir
        config = uvicorn.Config(
            Guard(control_app(control), control.audit),
            http=_Protocol,
            ws="none",
            proxy_headers=False,
            server_header=False,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
            timeout_keep_alive=60,
        )
        self._server = _Server(config)
        self.path: Path | None = None

    def start(self) -> Path:
        """Bind, serve, and return the path of the socket once it answers. Raises SocketTaken or OSError."""
        listener, self.path = bind(self._data_dir)
        self._thread = Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="control-server", daemon=True
        )
        self._thread.start()
        if not self._server.ready.wait(_START_S):
            raise RuntimeError("the control server did not start")
        return self.path

    def stop(self) -> None:
        """Stop serving and take the socket away."""
        if self.path is None:
            return
        self._server.should_exit = True
        self._thread.join(_STOP_S)
        self.path.unlink(missing_ok=True)
        (self._data_dir / "run" / "socket").unlink(missing_ok=True)
        self.path = None


class _Protocol(H11Protocol):
    """Puts the process at the other end where other servers put its address."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.client = peer_of(transport.get_extra_info("socket"))

    def send_400_response(self, msg: str) -> None:
        guard = self.app
        assert isinstance(guard, Guard)
        self.transport.write(guard.malformed(self.client, msg))
        self.transport.close()


class _Server(uvicorn.Server):
    """Says when it serves."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = Event()

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()
