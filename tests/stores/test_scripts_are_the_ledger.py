"""The scripts do what the pure ledger says, step by step, on every real server."""

from typing import Any

from hypothesis import HealthCheck, example, given, settings
from redis import Redis
from redis.exceptions import NoScriptError

from proxy.core.facts import Account
from proxy.core.ledger import Ledger
from proxy.core.quota import Claim, Denial, Grant
from proxy.stores import redis_store
from proxy.stores.scripts import Call
from tests.support.claims import ANNA, BERT, actual, biasing_steps, claims, steps
from tests.support.servers import Server

LEASE = 6.0
START = 1_900_000_000.0
LATE = {1: 0.0, 2: 3.0, 3: 60.0, 4: 800.0}
"""Seconds since an exchange ended that is settled now."""


class Scripts:
    """The store's calls over a plain client, with the time given."""

    def __init__(self, port: int) -> None:
        self._client = Redis(port=port, decode_responses=True)
        self._client.flushall()

    def run(self, name: str, keys: tuple[str, ...], args: tuple[object, ...]) -> Any:
        call = Call(name, keys, args)
        try:
            return call.by_digest(self._client)
        except NoScriptError:
            return call.by_text(self._client)

    def verdict(self, name: str, account: Account, asked: tuple[Claim, ...], *args: object) -> Grant | Denial:
        keys, places = redis_store._usage_keys(account, asked)
        names = (*redis_store._lease_keys(account.organization), redis_store._standing_key(account), *keys)
        return redis_store._verdict(self.run(name, names, (*args, redis_store._packed(asked, places))), asked)

    def settle(self, account: Account, asked: tuple[Claim, ...], tokens: int, age: float, *args: object) -> None:
        keys, places = redis_store._usage_keys(account, asked)
        names = (*redis_store._lease_keys(account.organization), *keys)
        self.run("settle", names, (*args, redis_store._packed(asked, places, actual(tokens)), age))

    def sets(self) -> dict[str, dict[str, float]]:
        """Distinct things as they are counted: key -> id, or id+ where it is shared -> when it was new."""
        return {key: dict(self._client.zrange(key, 0, -1, withscores=True)) for key in self._client.scan_iter("sg:*:d:*")}

    def close(self) -> None:
        self._client.close()


def same(model: Grant | Denial, script: Grant | Denial) -> bool:
    """Equal but for the last digits of a float."""
    if isinstance(model, Denial) and isinstance(script, Denial):
        close = model.binding.quota == script.binding.quota and abs(model.binding.frees_in - script.binding.frees_in) < 1e-3
    else:
        close = type(model) is type(script)
    pairs = zip(model.meters, script.meters, strict=True)
    return close and all(abs(a.used - b.used) < 1e-4 and abs(a.frees_in - b.frees_in) < 1e-3 for a, b in pairs)


def met(ledger: Ledger) -> dict[str, dict[str, float]]:
    """The same of the model. All accounts of these tests are of one organization."""
    return {
        f"sg:{{acme}}:d:{subject}/{field}": {str(member): when for member, when in count.met.items()}
        | {f"{member}+": count.met[member] for member in count.shared}
        for (subject, field), count in ledger._counts.items()
        if count.met
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps | biasing_steps)
@example([("reserve", ANNA, 0, 100, 0.0, 1), ("extend", ANNA, 0, 100, 7.0, 1)])
@example(
    [("reserve", ANNA, 0, 100, 0.0, 1), ("renew", ANNA, 0, 0, 7.0, 1), ("reserve", ANNA, 1, 9, 2.0, 1), ("settle", ANNA, 0, 9, 0.3, 1)]
)
@example(
    [("reserve", ANNA, 0, 1, 0.0, 1), *(("settle", ANNA, n, 90, 2.0, n % 4 + 1) for n in range(1, 8)), ("reserve", ANNA, 0, 1, 0.3, 1)]
)
@example(
    [("reserve", ANNA, 0, 9, 0.0, 1), ("release", ANNA, 0, 9, 0.3, 1), ("settle", ANNA, 1, 90, 0.0, 3), ("reserve", ANNA, 2, 1, 0.0, 1)]
)
@example(  # what one biases first, another uses too: given back by the first, it stays counted
    [("reserve", ANNA, 0, 0, 0.0, 1), ("reserve", BERT, 0, 0, 0.0, 1), ("release", ANNA, 0, 0, 0.3, 1), ("reserve", ANNA, 2, 0, 0.0, 1)]
)
@example(  # served while the store was lost, in a budget that is full: charged, not remembered
    [("reserve", ANNA, 0, 0, 0.0, 1), *(("settle", ANNA, n, 2 * n, 0.3, 2) for n in range(1, 8)), ("reserve", BERT, 0, 12, 0.0, 1)]
)
@example(
    [("reserve", ANNA, 0, 2, 0.0, 1), ("reserve", ANNA, 1, 2, 700.0, 1), ("release", ANNA, 0, 0, 0.0, 1), ("release", ANNA, 1, 0, 0.0, 1)]
)
def test_step_by_step(store_server: Server, walk: list[tuple[str, Account, int, int, float, int]]) -> None:
    ledger, scripts, at = Ledger(LEASE), Scripts(store_server.port), START
    try:
        for verb, account, which, tokens, pause, step in walk:
            at += pause
            request, asked = f"{account.id}-{which}", claims(account, tokens)
            given_time = (repr(at), LEASE, request)
            match verb:
                case "reserve":
                    assert same(ledger.reserve(request, asked, at), scripts.verdict("reserve", account, asked, *given_time, account.id))
                case "extend":
                    growing = asked[1:4]
                    theirs = scripts.verdict("extend", account, growing, *given_time, account.id, step)
                    assert same(ledger.extend(request, growing, step, at), theirs)
                case "settle":
                    ledger.settle(request, asked, actual(tokens), at, LATE[step])
                    scripts.settle(account, asked, tokens, LATE[step], *given_time)
                case "release":
                    ledger.release(request, at)
                    scripts.run("release", redis_store._lease_keys(account.organization), given_time)
                case _:
                    ledger.sweep(at)
                    ledger.renew(request, at)
                    alive = scripts.run("renew", redis_store._lease_keys(account.organization), given_time)
                    assert alive == ledger.in_flight()
            assert met(ledger) == scripts.sets()
    finally:
        scripts.close()
