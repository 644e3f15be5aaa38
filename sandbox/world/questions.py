"""The names of generated markets: readable slugs and questions, and ids that depend on nothing but seed and slug."""

from dataclasses import dataclass
from typing import Literal

from sandbox.books import MirroredBook
from sandbox.markets import CATEGORIES, Event, Market, Protocol, digest_id, position_ids, token_id

_CITIES = (
    ("ath", "Athens"),
    ("bos", "Boston"),
    ("cai", "Cairo"),
    ("del", "Delhi"),
    ("edi", "Edinburgh"),
    ("fra", "Frankfurt"),
    ("gva", "Geneva"),
    ("hel", "Helsinki"),
    ("ist", "Istanbul"),
    ("jak", "Jakarta"),
    ("kyo", "Kyoto"),
    ("lis", "Lisbon"),
    ("mad", "Madrid"),
    ("nap", "Naples"),
    ("osl", "Oslo"),
    ("par", "Paris"),
    ("qui", "Quito"),
    ("rig", "Riga"),
    ("sev", "Seville"),
    ("tor", "Toronto"),
)


@dataclass(frozen=True, slots=True)
class Question:
    """What a generated market asks; `reference` names the price that it follows."""

    slug: str
    text: str
    category: str
    outcomes: tuple[str, str] = ("Yes", "No")
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Makes the markets of a world; `versions` says by which protocol they are settled."""

    seed: int
    versions: Literal["v1", "v2", "mixed"] = "v1"

    def issue(self, question: Question, event: Event, now_ns: int, end_ns: int) -> Market:
        """A market without orders, not yet listed; in a mixed world all markets of an event are of one version."""
        version = self.versions
        if version == "mixed":
            version = "v2" if int(digest_id("version", str(self.seed), event.slug), 16) % 2 else "v1"
        return make_market(question, event, self.seed, now_ns, end_ns, version=version)


def make_market(
    question: Question, event: Event, seed: int, now_ns: int, end_ns: int, *, version: Protocol = "v1"
) -> Market:
    """A market without orders, not yet listed; `version` is the protocol by which it is settled."""
    name = (str(seed), question.slug)
    condition_id = digest_id("condition", *name)
    token_ids = (token_id(*name, question.outcomes[0]), token_id(*name, question.outcomes[1]))
    if version == "v2":
        # The markets of a neg-risk event are conditions of one question; they are listed one after the other.
        asked = (str(seed), event.slug) if event.neg_risk else name
        condition_id, token_ids = position_ids(*asked, neg_risk=event.neg_risk, index=len(event.markets))
    return Market(
        slug=question.slug,
        question=question.text,
        condition_id=condition_id,
        token_ids=token_ids,
        outcomes=question.outcomes,
        category=CATEGORIES[question.category],
        event=event,
        book=MirroredBook(),
        created_ns=now_ns,
        end_ns=end_ns,
        reference=question.reference,
        version=version,
    )


def alone(question: Question) -> Event:
    """The event of a market that is its event's only one."""
    return Event(question.slug, question.text)


def game(number: int) -> Question:
    """A two-way game: its outcomes are the teams."""
    (home_code, home), (away_code, away), round_ = _pairing(number)
    slug = f"cup-{home_code}-{away_code}-round-{round_}"
    return Question(slug, f"{home} vs. {away}, round {round_}", "sports", (home, away))


def soccer(number: int) -> tuple[Event, tuple[Question, ...]]:
    """A three-way soccer game: home, draw and away, of which exactly one happens."""
    (home_code, home), (away_code, away), round_ = _pairing(number)
    slug = f"league-{home_code}-{away_code}-round-{round_}"
    event = Event(slug, f"{home} vs. {away}", neg_risk=True)
    return event, (
        Question(f"{slug}-{home_code}", f"Will {home} win against {away}?", "sports"),
        Question(f"{slug}-draw", f"Will {home} against {away} end in a draw?", "sports"),
        Question(f"{slug}-{away_code}", f"Will {away} win against {home}?", "sports"),
    )


def rates(number: int) -> tuple[Event, tuple[Question, ...]]:
    """A decision with four outcomes, of which exactly one happens."""
    slug = f"rate-decision-meeting-{number + 1}"
    event = Event(slug, f"Rate decision at meeting {number + 1}", neg_risk=True)
    choices = (("cut-50", "cut by 50 bps"), ("cut-25", "cut by 25 bps"), ("hold", "stay"), ("hike", "go up"))
    return event, tuple(
        Question(f"{slug}-{code}", f"Will the rate {text} at meeting {number + 1}?", "economics")
        for code, text in choices
    )


def election(number: int) -> Question:
    """A single yes-or-no question."""
    code, city = _CITIES[number % len(_CITIES)]
    term = number // len(_CITIES) + 1
    return Question(f"mayor-{code}-term-{term}-reelected", f"Will the mayor of {city} win term {term}?", "politics")


def above(reference: str, dollars: int) -> Question:
    """Whether a price ends above a strike."""
    coin = reference.removesuffix("USD").lower()
    text = f"Will {coin.upper()} be above ${dollars:,} at the end of the day?"
    return Question(f"{coin}-above-{dollars}", text, "crypto", reference=reference)


def up_or_down(reference: str, start_s: int) -> Question:
    """Whether a price is higher at the end of five minutes than at their start."""
    coin = reference.removesuffix("USD").lower()
    text = f"{coin.upper()} Up or Down, 5 minutes from {start_s}"
    return Question(f"{coin}-updown-5m-{start_s}", text, "crypto", ("Up", "Down"), reference)


def _pairing(number: int) -> tuple[tuple[str, str], tuple[str, str], int]:
    teams = len(_CITIES)
    home = _CITIES[number % teams]
    away = _CITIES[(number + 1 + number // teams % (teams - 1)) % teams]
    return home, away, number // (teams * (teams - 1)) + 1
