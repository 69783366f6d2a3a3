"""What `stillgate status` says of gateways that do not fit together."""

from typing import Any

from proxy.cli.status import _lines


def found(*workers: dict[str, Any]) -> dict[str, Any]:
    gateways = [{"id": f"w{number}", "policy": "p1", "version": "1", **each} for number, each in enumerate(workers)]
    return {"gateways": gateways, "analysts": [], "partitions": [], "in_flight": []}


def test_workers_that_hash_with_different_secrets_are_warned_of() -> None:
    (said,) = [line for line in _lines(found({"hashing": "aa"}, {"hashing": "bb"}, {"hashing": "aa"})) if "WARNING" in line]
    assert "2 different secrets (aa, bb)" in said
    assert "STILLGATE_SECRET" in said


def test_those_that_agree_and_older_ones_that_say_nothing_are_not() -> None:
    assert not [line for line in _lines(found({"hashing": "aa"}, {"hashing": "aa"}, {})) if "WARNING" in line]


def test_faults_in_learning_are_warned_of() -> None:
    fault = {
        "partition": 0,
        "count": 2,
        "last": "an observation could not be learned from and is set aside (request r): KeyError at x.py:1",
    }
    status = found() | {"analysts": [{"id": "a", "policy": "p1", "version": "1", "faults": [fault]}]}
    (said,) = [line for line in _lines(status) if "WARNING" in line]
    assert said == f"WARNING: observations 0: 2 faults in learning; the last: {fault['last']}"
