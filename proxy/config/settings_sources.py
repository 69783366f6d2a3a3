"""Where settings come from: flags, STILLGATE_* environment, a YAML file. Each value remembers its origin, for messages."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsError

from proxy.config import source
from proxy.config.files import Files
from proxy.config.numbers import meant, shown
from proxy.config.problems import Keys, PolicyProblems, dotted
from proxy.config.source import Document
from proxy.errors import ConfigError

PREFIX = "STILLGATE_"

SHORTHAND = ("upstream", "upstream_api_key")
"""One upstream without a list: its URL, and its credential, which may come from elsewhere."""

SECRET = ("upstream_api_key", "secret", "store", "otlp_headers")
"""Settings that can also be read from a file: STILLGATE_SECRET_FILE."""

PATHS = ("policy", "state_dir", "seal_keys")
"""Settings whose relative value in a settings file is beside that file."""

_KUBERNETES = re.compile(r"STILLGATE_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)")
"""Set in every pod beside a Service called `stillgate` or `stillgate-…`; not an operator's."""


@dataclass(slots=True)
class Given:
    """All that was given, by field, and where each comes from."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    """A flag's or a variable's name; "" for the settings file."""
    document: Document = field(default_factory=lambda: Document(""))

    def add(self, values: Mapping[str, Any], origin: str) -> None:
        """A layer that outranks what is here. In `origin`, `{}` stands for the value's name."""
        if "upstream" in values and "upstreams" in values:
            raise ConfigError("'upstream' and 'upstreams' say the same; keep one")
        for name, value in values.items():
            key = "upstreams" if name == "upstream" else name
            self.values[key] = [{"url": value}] if name == "upstream" else value
            self.origins[key] = origin.format(name.replace("_", "-") if origin.startswith("--") else name.upper())

    def where(self, location: Keys, names: Iterable[str], *, key: bool = False) -> str:
        """Where the value at `location` was given. Only our own `names` are shown: other keys may be misplaced secrets."""
        origin = self.origins.get(str(location[0]) if location else "", "")
        path = tuple(part for part in location if isinstance(part, int) or part in names)
        if origin:
            return f"{origin}: {dotted(path)}" if len(path) > 1 else origin
        written: Keys = ("upstream",) if location[:1] == ("upstreams",) and "upstream" in self.document.data else location
        place = self.document.place(written, key=key)
        return f"{place}: {dotted(path)}" if path else str(place)


def gathered(flags: Mapping[str, Any], environ: Mapping[str, str], settings: type[BaseSettings]) -> Given:
    """Flags over environment over settings file. Raises `ConfigError`."""
    fields = list(settings.model_fields)
    wrong = list(_mistyped(environ, [*fields, *SHORTHAND]))
    if wrong:
        raise ConfigError("\n".join(wrong))
    given = Given()
    flag, variable = flags.get("settings_file"), environ.get(f"{PREFIX}SETTINGS")
    if path := flag or variable:
        given.document = source.read(_text(path, "--settings" if flag else f"{PREFIX}SETTINGS"), str(path))
        given.add(_beside(given.document.data, Path(path).parent), "")
    given.add(_environment(environ, settings), f"{PREFIX}{{}}")
    given.add({name: value for name, value in flags.items() if name != "settings_file"}, "--{}")
    _give_key(given)
    return given


def _mistyped(environ: Mapping[str, str], fields: list[str]) -> Iterator[str]:
    known = {f"{PREFIX}{name.upper()}" for name in (*fields, "settings")} | {f"{PREFIX}{name.upper()}_FILE" for name in SECRET}
    for name in sorted(environ):
        ours = name.upper().startswith(PREFIX) and name not in known
        if ours and not _KUBERNETES.fullmatch(name):
            yield f"unknown environment variable {shown(name)}{meant(name.upper(), known)}"


def _beside(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    relative = {name: data[name] for name in PATHS if isinstance(data.get(name), str) and not data[name].startswith("~")}
    return data | {name: str(folder / value) for name, value in relative.items()}


def _environment(environ: Mapping[str, str], settings: type[BaseSettings]) -> dict[str, Any]:
    try:
        values = EnvSettingsSource(settings, env_ignore_empty=True)()
    except SettingsError:
        raise ConfigError(f"{PREFIX}UPSTREAMS: is not JSON; a settings file is easier to read") from None
    values |= {name: value for name in SHORTHAND if (value := environ.get(f"{PREFIX}{name.upper()}"))}
    for name in SECRET:
        variable = f"{PREFIX}{name.upper()}_FILE"
        if path := environ.get(variable):
            if name in values:
                raise ConfigError(f"{variable} and {variable.removesuffix('_FILE')} say the same; keep one")
            values[name] = _text(path, variable).rstrip("\r\n")
    return values


def _text(path: str, origin: str) -> str:
    """A file's text. The message leaves the path out: the secret itself may stand where its file should."""
    try:
        return Files().text(Path(path))
    except PolicyProblems as error:
        raise ConfigError(f"{origin}: this file {error.problems[0].text}") from None


def _give_key(given: Given) -> None:
    """The shorthand's credential goes to the one upstream; with none (a demo, another command) to nobody."""
    key = given.values.pop("upstream_api_key", "")
    upstreams = given.values.get("upstreams")
    if not key or not isinstance(upstreams, list) or not upstreams:
        return
    if len(upstreams) > 1 or not isinstance(upstreams[0], dict):
        raise ConfigError(
            f"{given.origins['upstream_api_key']}: is for one upstream; with several, give each its api_key in the settings file"
        )
    given.values["upstreams"] = [upstreams[0] | {"api_key": key}]
