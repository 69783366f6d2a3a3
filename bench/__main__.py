"""`python -m bench`: rounds of the same burst at the model itself, a bare pass-through and Stillgate, turn by turn.

Machines are noisy and drift, so only ratios within one run mean something: each round visits all three, and the medians
over rounds are compared.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median

from bench.load import Burst, burst
from tests.support.demo import demo_model
from tests.support.gateway import gateway, new_key

CASES = {
    "whole answers": {"stream": False, "max_tokens": 20},
    "streams of 100 tokens": {"stream": True, "max_tokens": 100},
}


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
    parser.add_argument("--at-once", type=int, default=16)
    args = parser.parse_args()
    async with (
        demo_model() as model,
        passthrough(model) as (bare, bare_pid),
        gateway("--upstream", model, "--policy", "bench/policy.yaml") as gate,
    ):
        places = {"the model itself": (model, []), "bare pass-through": (bare, [bare_pid]), "Stillgate": (gate.url, gate.workers())}
        key = await new_key(gate, "bench")
        for name, options in CASES.items():
            body = {"model": "demo-small", "messages": [{"role": "user", "content": "say 100 words " + "x " * 200}], **options}
            rounds: dict[str, list[Burst]] = {place: [] for place in places}
            for turn in range(args.rounds + 1):
                for place, (url, pids) in places.items():
                    found = await burst(url, key, body, requests=args.requests, at_once=args.at_once, pids=pids)
                    if turn:  # the first round warms up
                        rounds[place].append(found)
            report(name, rounds, args)


def report(name: str, rounds: dict[str, list[Burst]], args: argparse.Namespace) -> None:
    """One table; the ratios are what counts."""
    print(f"\n{name}: {args.rounds} rounds of {args.requests} requests, {args.at_once} at once; medians over rounds")
    print(f"  {'':<20}{'first byte p50':>16}{'p95':>12}{'CPU/request':>14}{'requests/s':>12}")
    middles = {place: Burst() for place in rounds}
    for place, bursts in rounds.items():
        p50, p95 = median(each.middle for each in bursts), median(each.slow for each in bursts)
        cpu, rate = median(each.cpu for each in bursts), args.requests / median(each.seconds for each in bursts)
        middles[place] = Burst([p50], cpu)
        print(f"  {place:<20}{p50 * 1e3:>13.2f} ms{p95 * 1e3:>9.2f} ms{cpu * 1e3:>11.2f} ms{rate:>12.0f}")
    bare, ours = middles["bare pass-through"], middles["Stillgate"]
    cpu = f", CPU {ours.cpu / bare.cpu:.2f}x" if bare.cpu else ""
    print(f"  Stillgate against the bare pass-through: first byte {ours.middle / bare.middle:.2f}x{cpu}")


asyncio.run(main())
