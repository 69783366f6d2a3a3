"""`python -m bench`: rounds of the same burst at the model itself, a bare pass-through and Stillgate, turn by turn.

Machines are noisy and drift, so only ratios within one run mean something: each round visits all three, and the medians
over rounds are compared. A stream with reasoning is also sent to an account that is degraded: its reasoning is left out and sealed.
In the end, what shaping alone costs, and what is learned from an exchange.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median

from bench import observing, shaping
from bench.load import Burst, burst
from proxy.core.ladder import Rung
from tests.support.demo import demo_model
from tests.support.gateway import gateway, new_key
from tests.support.ladder import set_rung
from tests.support.processes import below

SMALL = {"model": "demo-small", "messages": [{"role": "user", "content": "say 100 words " + "x " * 200}]}
CASES = {
    "whole answers": {**SMALL, "stream": False, "max_tokens": 20},
    "streams of 100 tokens": {**SMALL, "stream": True, "max_tokens": 100},
    "streams of 100 tokens, half of them reasoning": {
        "model": "demo-deepseek",
        "messages": [{"role": "user", "content": "think 50 words say 50 words " + "x " * 200}],
        "stream": True,
    },
}
DEGRADED = "Stillgate, degraded"


@asynccontextmanager
async def passthrough(upstream: str) -> AsyncIterator[tuple[str, int]]:
    """The baseline in a process of its own: its address and process id."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.passthrough", upstream, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        port = (await process.stdout.readline()).split()[-1].decode()
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.kill()
        await process.wait()


async def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 16])
    args = parser.parse_args()
    async with (
        demo_model() as model,
        passthrough(model) as (bare, bare_pid),
        gateway("--upstream", model, "--policy", "bench/policy.yaml") as gate,
    ):
        # Everything that Stillgate runs is paid for: the worker, the supervisor and the private store.
        ours = [gate.process.pid, *below(gate.process.pid)]
        await set_rung(gate, "degraded", Rung.DEGRADED)
        key, degraded = await new_key(gate, "bench"), await new_key(gate, "degraded")
        places = {
            "the model itself": (model, [], key),
            "bare pass-through": (bare, [bare_pid], key),
            "Stillgate": (gate.url, ours, key),
            DEGRADED: (gate.url, ours, degraded),
        }
        for name, body in CASES.items():
            for at_once in args.at_once:
                rounds: dict[str, list[Burst]] = {place: [] for place in places}
                for turn in range(args.rounds + 1):
                    for place, (url, pids, key) in places.items():
                        found = await burst(url, key, body, requests=args.requests, at_once=at_once, pids=pids)
                        if turn:  # the first round warms up
                            rounds[place].append(found)
                print(f"\n{name}, {at_once} at once: medians over {args.rounds} rounds of {args.requests} requests")
                report({place: row(bursts) for place, bursts in rounds.items()})


@dataclass(frozen=True)
class Row:
    """Medians over rounds: seconds, and requests per second."""

    first_byte: float
    slow: float
    cpu: float
    rate: float


def row(bursts: list[Burst]) -> Row:
    return Row(
        median(each.middle for each in bursts),
        median(each.slow for each in bursts),
        median(each.cpu for each in bursts),
        median(len(each.first_byte) / each.seconds for each in bursts),
    )


def report(rows: dict[str, Row]) -> None:
    """One table; the ratios are what counts."""
    print(f"  {'':<20}{'first byte p50':>16}{'p95':>12}{'CPU/request':>14}{'requests/s':>12}")
    for place, each in rows.items():
        print(f"  {place:<20}{each.first_byte * 1e3:>13.2f} ms{each.slow * 1e3:>9.2f} ms{each.cpu * 1e3:>11.2f} ms{each.rate:>12.0f}")
    bare, ours = rows["bare pass-through"], rows["Stillgate"]
    _compare("Stillgate against the bare pass-through", ours, bare)
    _compare("degraded against clear", rows[DEGRADED], ours)


def _compare(what: str, one: Row, other: Row) -> None:
    cpu = f", CPU {one.cpu / other.cpu:.2f}x" if other.cpu else ""
    later = (one.first_byte - other.first_byte) * 1e3
    print(f"  {what}: first byte {one.first_byte / other.first_byte:.2f}x ({later:+.2f} ms){cpu}")


asyncio.run(main())
print()
shaping.report()
print()
observing.report()
