"""An event as a line, so that two runs can be compared byte for byte."""

from models.messages.trace import encode_step
from research.prove.sim.contract import Event, Said, Stepped, Written


def line_of(event: Event) -> bytes:
    """Write an event; of what is sent only its kind, for whoever reads it is another event."""
    if isinstance(event, Stepped):
        return encode_step(event.at_ns, event.actor, event.message)
    if isinstance(event, Said):
        return f"{event.step} {event.at_ns} {event.to} {type(event.message).__name__}\n".encode()
    if isinstance(event, Written):
        return f"{event.step} {event.at_ns} {event.method} {event.path} ".encode() + event.body + b"\n"
    return repr(event).encode() + b"\n"
