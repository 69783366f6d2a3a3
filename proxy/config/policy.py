"""A policy file or folder to one frozen `Policy`, or to every problem in it with its place. Whole or not at all."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from proxy.config import build, build_rules, calibration_file, checks, checks_risk, source
from proxy.config.explain import explained
from proxy.config.fields import ACCOUNT_ID
from proxy.config.files import Files
from proxy.config.model import PolicyFile
from proxy.config.model_ladder import RUNGS, LadderPart
from proxy.config.numbers import close, printable, shown
from proxy.config.problems import Keys, Place, PolicyProblems, Problem
from proxy.config.settings import Settings
from proxy.config.source import Document
from proxy.core.policy import Policy
from proxy.core.risk import Calibration
from proxy.errors import ConfigError

ELSEWHERE = Settings.model_fields.keys() - PolicyFile.model_fields.keys()
"""Keys of the other file."""


def compile_policy(path: Path, files: Files | None = None) -> Policy:
    """The policy of a file or a folder. `files` learns what was read. Raises `PolicyProblems`."""
    files = files or Files()
    return _compiled(files.policy(path), path.absolute().stem, files)


def compile_text(text: str, name: str = "policy.yaml") -> Policy:
    """The policy in `text`; lists that it names are looked for beside `name`. Raises `PolicyProblems`."""
    return _compiled(source.read(text, name), Path(name).stem, Files())


def _compiled(document: Document, name: str, files: Files) -> Policy:
    file = _checked(document)
    trusted, watch = _Lists(document, files).read(file)
    calibration = _calibration(document, file, files)
    wrong = [document.problem(path, text) for path, text in checks.problems(file)]
    if wrong:
        raise PolicyProblems(wrong)
    both = sorted(trusted & watch)[:3]
    risk = build_rules.risk(file.risk, calibration)
    notes = [*checks.notes(file), *checks_risk.notes(file, risk), *(f"accounts.lists: {account} stands in both lists" for account in both)]
    policy = Policy(
        name=file.policy or name,
        digest="",
        enforce=file.mode == "enforce",
        tiers=build.tiers(file),
        default_tier=checks.default_tier(file),
        account_tiers=dict(file.accounts.tiers),
        routes=build.routes(file),
        identity=file.identity.from_,
        accounting=build.accounting(file.accounting),
        capacity=build.capacity(file.capacity),
        store_lost=build.store_lost(file.failure),
        stream_over_quota=file.failure.stream_over_quota,
        idle_seconds=file.timeouts.idle,
        contact=file.contact,
        trusted=trusted,
        watch=watch,
        identity_settings=build.identity_settings(file.identity),
        ladder=build_rules.ladder(file.ladder),
        binding=build_rules.binding(file.guards),
        logit_guard=build_rules.logit_guard(file.guards),
        knobs=build_rules.knobs(file),
        rewrite=build_rules.rewrite(file.rewrite),
        shaping_error=file.failure.shaping_error,
        risk=risk,
        recording=build.recording(file.recording),
    )
    return replace(policy, digest=_digest(policy), notes=tuple(notes))


def _checked(document: Document) -> PolicyFile:
    try:
        return PolicyFile.model_validate(document.data)
    except ValidationError as error:
        found = error.errors(include_url=False)
    raise PolicyProblems([_problem(document, one) for one in found])


def _problem(document: Document, error: Any) -> Problem:
    unknown = error["type"] == "extra_forbidden"
    said = (_misplaced(error["loc"]) if unknown else "") or explained(error, PolicyFile, echo=True)
    return document.problem(error["loc"], said, key=unknown)


def _misplaced(path: Keys) -> str:
    """What is said of an unknown key that is known elsewhere; "" of any other."""
    name = str(path[-1])
    if len(path) == 1 and name in ELSEWHERE:
        return "belongs in the settings file (--settings FILE), not in a policy"
    if path[:-1] == ("ladder",) and not close(name, LadderPart.model_fields):
        return f"{shown(name)} is no rung that a policy describes; those are {', '.join(RUNGS)}"
    return ""


def _digest(policy: Policy) -> str:
    """Of what the policy means: comments, spelling and the order of keys do not count."""
    canonical = json.dumps(policy, sort_keys=True, default=_told)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def _told(value: Any) -> Any:
    """What JSON has no words for. A record with its kind: two sanctions without a value of their own are not the same."""
    if is_dataclass(value):
        return {"kind": type(value).__name__, **{field.name: getattr(value, field.name) for field in fields(value)}}
    return sorted(value)


def _calibration(document: Document, file: PolicyFile, files: Files) -> Calibration | None:
    """What `risk.calibration` names, looked for beside the file that names it. Raises `PolicyProblems`."""
    if file.risk is None or file.risk.calibration is None:
        return None
    path: Keys = ("risk", "calibration")
    place = document.place(path)
    name = Path(place.file).parent / file.risk.calibration
    try:
        return calibration_file.parse(files.text(name), str(name))
    except ConfigError as error:
        raise PolicyProblems([Problem(place, path, printable(error))]) from None


class _Lists:
    """Reads the files of `accounts.lists`: one account per line, `#` begins a comment."""

    def __init__(self, document: Document, files: Files) -> None:
        self._document = document
        self._files = files
        self._problems: list[Problem] = []

    def read(self, file: PolicyFile) -> tuple[frozenset[str], frozenset[str]]:
        """Trusted and watched accounts. Raises `PolicyProblems`."""
        lists = file.accounts.lists
        found = self._one("trusted", lists.trusted), self._one("watch", lists.watch)
        if self._problems:
            raise PolicyProblems(self._problems)
        return found

    def _one(self, which: str, name: str | None) -> frozenset[str]:
        if name is None:
            return frozenset()
        path = ("accounts", "lists", which)
        place = self._document.place(path)
        try:
            text = self._files.text(Path(place.file).parent / name)
        except PolicyProblems as error:
            self._problems.append(Problem(place, path, str(error)))
            return frozenset()
        return frozenset(self._entries(str(Path(place.file).parent / name), text))

    def _entries(self, name: str, text: str) -> Iterator[str]:
        for number, line in enumerate(text.splitlines(), 1):
            entry = line.partition("#")[0].strip()
            if entry and ACCOUNT_ID.fullmatch(entry):
                yield entry
            elif entry:
                self._problems.append(Problem(Place(name, number, 1), (), f"{shown(entry)} is not an account"))
