"""What a policy's parts must be to each other: names that exist, limits that do not contradict, rules that can match.

`problems` stop a policy; `notes` are said and served.
"""

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TypeVar

from proxy.config import checks_risk, checks_rules
from proxy.config.build import sourced
from proxy.config.model import PolicyFile, Tier
from proxy.config.numbers import meant, shown
from proxy.config.problems import Keys
from proxy.core.quota import Scope, Unit

T = TypeVar("T")

Finding = tuple[Keys, str]
"""Where, and what."""

LONGEST_LEEWAY = 600.0
"""Seconds; a token that expired longer ago must not be believed. `identity.jwt_settings` has the same (tests/test_said_twice.py)."""


def problems(file: PolicyFile) -> Iterator[Finding]:
    """All that stops this policy."""
    yield from _tier_names(file)
    yield from _sources(file)
    for name, tier in file.tiers.items():
        yield from _patterns(name, tier)
        yield from _quotas(file, name, tier)
    yield from checks_rules.problems(file)
    yield from checks_risk.problems(file)


def default_tier(file: PolicyFile) -> str:
    """The tier of accounts that nothing else gives one."""
    return file.accounts.default_tier or (next(iter(file.tiers)) if len(file.tiers) == 1 else "")


def _tier_names(file: PolicyFile) -> Iterator[Finding]:
    if not default_tier(file):
        yield ("accounts",), "'default_tier' is missing: there are several tiers, so say which one an account has by itself"
    named: list[tuple[Keys, str | None]] = [(("accounts", "default_tier"), file.accounts.default_tier)]
    named += [(("accounts", "tiers", account), tier) for account, tier in file.accounts.tiers.items()]
    named.append((("identity", "upstream", "tier"), file.identity.upstream.tier if file.identity.upstream else None))
    for path, tier in named:
        if tier is not None and tier not in file.tiers:
            yield path, f"there is no tier {shown(tier)}{meant(tier, file.tiers)}"


def _sources(file: PolicyFile) -> Iterator[Finding]:
    identity = file.identity
    for index, name in enumerate(identity.from_):
        if name in identity.from_[:index]:
            yield ("identity", "from", index), f"'{name}' stands here twice"
    for name in ("jwt", "header"):
        if name in identity.from_ and getattr(identity, name) is None:
            yield ("identity", "from"), f"the source '{name}' needs its settings, identity.{name}"
    if identity.jwt and identity.jwt.leeway is not None and identity.jwt.leeway > LONGEST_LEEWAY:
        yield ("identity", "jwt", "leeway"), "must be at most 10m: an expired token would be good for so long"


def _patterns(name: str, tier: Tier) -> Iterator[Finding]:
    for pattern in tier.models.limits():
        if not pattern or len(pattern) > 200 or any(letter.isspace() or not letter.isprintable() for letter in pattern):  # noqa: PLR2004
            yield ("tiers", name, "models", pattern), f"{shown(pattern)} is not a pattern of model names, such as large-*"


def _quotas(file: PolicyFile, name: str, tier: Tier) -> Iterator[Finding]:
    first: set[tuple[Scope, str]] = set()
    for path, quota in sourced(name, tier):
        if (quota.scope, quota.field) in first:
            yield path, f"two limits of {quota.unit.value} over the same window ({quota.window.name}); keep one"
        first.add((quota.scope, quota.field))
        if quota.unit is Unit.SPEND and not file.accounting.prices:
            yield path, "a limit of spend needs accounting.prices: without a price nothing is ever spent"


def notes(file: PolicyFile) -> Iterator[str]:
    """What is probably not meant."""
    if file.mode == "shadow":
        yield "mode: shadow; quotas, tiers, the ladder and the guards are decided and recorded, but nothing is done for them"
    for name, tier in file.tiers.items():
        yield from _tier_notes(file, name, tier)
    yield from _identity_notes(file)
    yield from _never(file)
    yield from checks_rules.notes(file)


def _tier_notes(file: PolicyFile, name: str, tier: Tier) -> Iterator[str]:
    quotas = [quota for _, quota in sourced(name, tier)]
    if not quotas:
        yield f"tiers.{name}: no limits at all"
    if any(quota.unit is Unit.SPEND for quota in quotas) and file.accounting.prices and "*" not in file.accounting.prices:
        yield f"tiers.{name}.spend: a model that no price names costs nothing; a last price for '*' closes the gap"
    if "keys" not in file.identity.from_ and any(quota.scope is Scope.KEY for quota in quotas):
        yield f"tiers.{name}.per.key: never counts, for 'keys' is not an identity source"
    for pattern in tier.models.limits():
        if tier.models.only and not any(_overlap(pattern, allowed) for allowed in tier.models.only):
            yield f"tiers.{name}.models.{pattern}: never counts, for 'only' allows no such model"


def _identity_notes(file: PolicyFile) -> Iterator[str]:
    identity = file.identity
    for name in ("jwt", "header", "upstream"):
        if getattr(identity, name) is not None and name not in identity.from_:
            yield f"identity.{name}: not used, for 'from' does not name it"
    if identity.jwt and identity.jwt.jwks_url.startswith("http://"):
        yield "identity.jwt.jwks_url: over http:// whoever stands between can put in a key of their own"
    for peer in identity.header.trusted_peers if identity.header else ():
        if peer.endswith("/0"):
            yield f"identity.header.trusted_peers: {peer} is everybody; any caller can name any account"


def _never(file: PolicyFile) -> Iterator[str]:
    """Entries behind an earlier one that takes all they could match."""
    for table, patterns in (("accounting.prices", list(file.accounting.prices)), ("models", list(file.models))):
        for earlier, later in _pairs(patterns):
            if _covers(earlier, later):
                yield f"{table}.{later}: never used, for '{earlier}' stands before it"
    for first, second in _pairs(list(file.routes)):
        methods = not first.methods or (second.methods and set(second.methods) <= set(first.methods))
        rest = first.path.endswith("**") and not set("*{") & set(first.path[:-2]) and second.path.startswith(first.path[:-2])
        if methods and (first.path == second.path or rest):
            yield f"routes: '{second.path}' is never used, for '{first.path}' stands before it"


def _pairs(items: Sequence[T]) -> Iterator[tuple[T, T]]:
    """Every item with each of those before it."""
    return ((before, after) for index, after in enumerate(items) for before in items[:index])


def _covers(earlier: str, later: str) -> bool:
    """Certainly matches all that `later` does; only asked where `earlier` has no wildcard but `*`."""
    return not set("?[") & set(earlier) and fnmatchcase(later, earlier)


def _overlap(one: str, other: str) -> bool:
    """False only where no name can match both: their fixed beginnings differ, or one fixed name does not match."""
    fixed = [pattern for pattern in (one, other) if not set("*?[") & set(pattern)]
    if fixed:
        return fnmatchcase(fixed[0], other if fixed[0] == one else one)
    heads = [re.split(r"[*?\[]", pattern, maxsplit=1)[0] for pattern in (one, other)]
    return heads[0].startswith(heads[1]) or heads[1].startswith(heads[0])
