from actors.runtime.digest import digest_of
from actors.runtime.pykka_inside import ActorStop
from models.messages.base import Message
from models.messages.recall import RecallEnded
from models.messages.runtime import Woke
from tests.actors.runtime.worlds import Filled, Frame


class Odd(Message, frozen=True):
    what: object


def test_a_digest_names_what_is_said_not_when() -> None:
    assert digest_of(Frame(1, received_ns=1)) == digest_of(Frame(1, received_ns=2))
    assert digest_of(Frame(1)) != digest_of(Frame(2))
    assert digest_of(Frame(1)) != digest_of(Filled(1))


def test_what_cannot_be_encoded_still_has_a_digest() -> None:
    assert digest_of(Odd(digest_of)) == digest_of(Odd(digest_of)) != digest_of(Odd(print))


def test_what_nobody_can_go_on_without_has_none() -> None:
    assert digest_of(Woke("orders")) == digest_of(RecallEnded()) == ""


def test_what_is_no_message_has_none() -> None:
    assert digest_of(None) == digest_of(ActorStop()) == ""
