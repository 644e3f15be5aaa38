"""The configuration of one run: from all sources, checked as a whole, with the source of every value.

    settings = load({"markets": "fed-cut-jan", "maker.bid_size": "5"}, profile="small_250")

From the strongest: the command line, the environment, `.env`, the file, the profile, the defaults. Two names of one key
that disagree are an error, and the mode follows its own rule (`config.modes`).
"""

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import msgspec
from pydantic import ValidationError

from config.model import Configuration, build
from config.modes import COMMAND_LINE, OBSERVE, Decision, Switch, decide, read_switch
from config.problems import ConfigurationError, Problem, nearest_key
from config.registry import KEYS, OUTSIDE, ROOT
from config.run import AccountParameters, EndpointParameters, Mode, RunParameters, SignerParameters
from config.sources import SECRETS, Given, Layer, disagreements, read_env_file, read_environment, read_yaml
from config.values import expected, show
from models.engine import EngineParameters
from models.messages.base import Tag
from models.strategies.catalogue import STRATEGIES
from models.units import Price, format_money

CONFIG_FILE: Final = Path("config.yaml")
ENV_FILE: Final = Path(".env")
"""Files that are read if they are there and nothing else is named."""

_PROFILES: Final = Path(__file__).parent / "profiles"
_TYPED: Final = "command line"


@dataclass(frozen=True, slots=True)
class Shown:
    """A key as people see it."""

    path: str
    value: str
    unit: str
    source: str
    place: str


@dataclass(frozen=True, slots=True)
class Settings:
    """A configuration that was found whole. `given` has all that is not a default, `secrets` says where each stands."""

    run: RunParameters
    endpoints: EndpointParameters
    account: AccountParameters
    signer: SignerParameters
    engine: EngineParameters
    decision: Decision
    given: Mapping[str, Given]
    secrets: Mapping[str, str]

    @property
    def mode(self) -> Mode:
        return self.decision.mode

    @property
    def tag(self) -> Tag:
        """Name of the desk: the one that was given, or made from the strategy."""
        return self.run.tag or automatic_tag(self.run.strategy, self.engine)

    def shown(self) -> tuple[Shown, ...]:
        """Return every key with its value, unit and source. There are no secrets among them."""
        return tuple(self._shown(path) for path in KEYS)

    def _shown(self, path: str) -> Shown:
        key = KEYS[path]
        if key.section == ROOT:
            section: msgspec.Struct = self.run
        else:
            section = getattr(self if key.section in OUTSIDE else self.engine, key.section)
        given = self.given.get(path)
        value = show(key, getattr(section, key.name))
        return Shown(path, value, key.unit, *(("default", "") if given is None else (given.source, given.place)))


def load(
    options: Mapping[str, object] | None = None,
    *,
    profile: str | None = None,
    dry_run: bool = False,
    config_file: Path | None = CONFIG_FILE,
    env_file: Path | None = ENV_FILE,
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """Read and check everything. `options` are the command line's, by key path; those that are None were not given.

    `profile` and `dry_run` are its flags of these names. A file that is None is not read.

    Raises:
        ConfigurationError: with all that is wrong.
    """
    found = _Found(dict(options or {}), profile, config_file, env_file, environment)
    return _settled(found.given, decide(found.switches(dry_run=dry_run)), found.secrets, found.problems)


def amended(settings: Settings, values: Mapping[str, Given]) -> Settings:
    """Return settings with other values of some keys, checked as a whole as ever.

    Raises:
        ConfigurationError: with all that is wrong.
    """
    return _settled({**settings.given, **values}, settings.decision, settings.secrets, ())


def _settled(
    given: Mapping[str, Given], decision: Decision, secrets: Mapping[str, str], problems: Iterable[Problem]
) -> Settings:
    """Make the settings of what was given, where nothing is wrong with it, nor was before."""
    wrong_so_far = [*problems, *_contradictions(given, decision.mode)]
    try:
        structs = build(Configuration.model_validate(_nested(given)))
    except ValidationError as error:
        wrong_so_far += [_problem(".".join(map(str, wrong["loc"])), wrong, given) for wrong in error.errors()]
        raise ConfigurationError(wrong_so_far, decision.mode) from None
    if wrong_so_far:
        raise ConfigurationError(wrong_so_far, decision.mode)
    run = msgspec.structs.replace(cast(RunParameters, structs.pop(ROOT)), mode=decision.mode)
    endpoints = cast(EndpointParameters, structs.pop("endpoints"))
    account = cast(AccountParameters, structs.pop("account"))
    signer = cast(SignerParameters, structs.pop("signer"))
    engine = EngineParameters(**cast(dict[str, Any], structs))
    against_each_other = tuple(_against_each_other(engine, given))
    if against_each_other:
        raise ConfigurationError(against_each_other, decision.mode)
    if "risk.start_paused" not in given:
        risk = msgspec.structs.replace(engine.risk, start_paused=decision.mode == "live")
        engine = msgspec.structs.replace(engine, risk=risk)
    return Settings(run, endpoints, account, signer, engine, decision, given, secrets)


def check(config_file: Path) -> tuple[Problem, ...]:
    """Return all that is wrong with a file by itself."""
    try:
        load(config_file=config_file, env_file=None, environment={})
    except ConfigurationError as error:
        return error.problems
    return ()


def profiles() -> tuple[str, ...]:
    """Return the names of the profiles that come with the program."""
    return tuple(sorted(path.stem for path in _PROFILES.glob("*.yaml")))


def automatic_tag(strategy: str, engine: EngineParameters) -> Tag:
    """Name a desk that was given no name: two_sided by its edges in percent and its wallet, `edge_2p0_0p6_200`."""
    if strategy != "two_sided":
        return strategy
    edges = f"{_percent(engine.two_sided.min_edge)}_{_percent(engine.two_sided.exit_edge)}"
    return f"edge_{edges}_{format_money(engine.risk.wallet_usd).replace('.', 'p')}"


class _Found:
    """What all sources give together, and what is wrong with it."""

    def __init__(
        self,
        options: Mapping[str, object],
        profile: str | None,
        config_file: Path | None,
        env_file: Path | None,
        environment: Mapping[str, str],
    ) -> None:
        in_file, unread = _in_env_file(env_file)
        typed = _typed({**options, "profile": profile})
        layers = [read_environment(in_file, ".env", env_file), read_environment(environment, "env"), typed]
        if config_file is not None and (config_file != CONFIG_FILE or config_file.exists()):
            layers.insert(0, read_yaml(config_file, "yaml"))
        self.layers = [*_profile(layers), *layers]
        """Weakest first."""
        self.given: dict[str, Given] = {}
        for layer in self.layers:
            self.given |= layer.given
        self.problems = [*unread, *(problem for layer in self.layers for problem in layer.problems)]
        self.problems += disagreements(environment, in_file)
        variables = {**in_file, **environment}
        self.secrets = {
            secret: name for secret, names in SECRETS.items() for name in reversed(names) if variables.get(name)
        }

    def switches(self, *, dry_run: bool) -> Iterator[Switch]:
        """Read every switch of the mode that is set; one that says nothing known is a problem."""
        if dry_run:
            yield read_switch(OBSERVE, "true", _TYPED)
        for layer in reversed(self.layers):
            for name, given in layer.switches.items():
                try:
                    yield read_switch(name, given.value, given.place)
                except ValueError as error:
                    self.problems.append(Problem(given.place, name, str(error), str(given.value)))


def _in_env_file(path: Path | None) -> tuple[dict[str, str], tuple[Problem, ...]]:
    """Return what a `.env` file says, and what is wrong with it. One that was named has to be there."""
    if path is None:
        return {}, ()
    try:
        said = read_env_file(path)
    except ConfigurationError as error:
        return {}, error.problems
    if path != ENV_FILE and not path.exists():
        return {}, (Problem(str(path), "the file", "cannot be read: there is none"),)
    return said, ()


def _typed(options: Mapping[str, object]) -> Layer:
    layer = Layer()
    for path, value in options.items():
        if value is None:
            continue
        given = Given(value, "cli", _TYPED)
        if path == "mode":
            layer.switches[COMMAND_LINE] = given
        elif path in KEYS:
            layer.given[path] = given
        else:
            layer.problems.append(Problem(_TYPED, path, "unknown key", nearest=nearest_key(path)))
    return layer


def _profile(layers: list[Layer]) -> Iterator[Layer]:
    """Read the profile that the strongest layer names."""
    named = [layer.given["profile"] for layer in layers if "profile" in layer.given]
    if not named:
        return
    name = str(named[-1].value)
    if name in profiles():
        yield read_yaml(_PROFILES / f"{name}.yaml", "profile")
    else:
        near = next(iter(difflib.get_close_matches(name, profiles(), n=1)), None)
        yield Layer(
            problems=[
                Problem(named[-1].place, "profile", f"expected one of {', '.join(profiles())}", name, nearest=near)
            ]
        )


def _nested(given: Mapping[str, Given]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for path, value in given.items():
        section, _, name = path.rpartition(".")
        (nested.setdefault(section, {}) if section else nested)[name] = value.value
    return nested


def _problem(path: str, wrong: Mapping[str, Any], given: Mapping[str, Given]) -> Problem:
    reason = wrong.get("ctx", {}).get("error", expected(KEYS[path]))
    return Problem(given[path].place, path, f"expected {reason}", str(given[path].value))


def _contradictions(given: Mapping[str, Given], mode: Mode) -> Iterator[Problem]:
    strategy = given.get("strategy")
    if strategy is not None and strategy.value not in STRATEGIES:
        name = str(strategy.value)
        near = next(iter(difflib.get_close_matches(name, STRATEGIES, n=1)), None)
        yield Problem(
            strategy.place, "strategy", f"expected one of {', '.join(sorted(STRATEGIES))}", name, nearest=near
        )
    if mode == "live" and "tag" not in given:
        yield Problem("mode live", "tag", "expected a name of the desk, because money is traded under it")


def _against_each_other(engine: EngineParameters, given: Mapping[str, Given]) -> Iterator[Problem]:
    """Yield what is right by itself and senseless beside another value: the default of one, or what was given."""
    for name, wanted in engine.losses.contradictions():
        path = f"losses.{name}"
        found = given.get(path)
        place = "default" if found is None else found.place
        yield Problem(place, path, f"expected {wanted}", show(KEYS[path], getattr(engine.losses, name)))


def _percent(edge: Price) -> str:
    """Write an edge in percent for a name: 200 is `2p0`."""
    whole, hundredths = divmod(edge, 100)
    return f"{whole}p{f'{hundredths:02}'.rstrip('0') or '0'}"
