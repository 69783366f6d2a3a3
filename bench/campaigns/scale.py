"""`scale`: whether memory and time per look grow no faster than the accounts do. Observations go straight into `Analysis`.

No text and no JSON: sketches are drawn as hashes. Honest accounts ask a few times a day, with popular, rare and own templates; one
campaign of 2.5 % of the accounts asks 26 times a day, deals out one list under one template, and shares some means of payment. Every
size runs in a process of its own, so that one's memory does not count in the next one's.
"""

import gc
import math
import multiprocessing
import resource
import sys
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from random import Random

from bench.campaigns.clocks import DAY, START
from proxy.core.risk import Risk
from proxy.learning.analysis import Analysis
from proxy.learning.observation import SKETCH, Observation

PREVALENCE = 0.025
CAMPAIGN_DAILY = 26.0
HONEST_DAILY = 3.0
PIECES = 24
"""Of a template, and as many of an item. A sketch holds the smallest hashes of both together."""

POPULAR = 60
"""Products whose template many share."""

KNOWN = 4096
"""Templates that are not drawn anew each time. What the benchmark itself keeps would count as the analysis's."""

CHUNK = 2000
NEVER = 1e12
"""Seconds between looks of its own: here, looks are asked for and timed."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One size."""

    accounts: int
    observations: int
    rate: float
    """Observations learned a second."""
    kept: float
    """Bytes an account that stay."""
    peak: float
    """Bytes an account at the worst moment of a look."""
    look: float
    """Seconds."""
    found: float
    """Share of the campaign's accounts that were found to be its."""


def table(accounts: int, days: float, seed: int) -> None:
    """Prints one line for each size."""
    heads = ("accounts", "observations", "learned/s", "bytes/account", "at a look", "s/look", "grows as", "found")
    print("".join(f"{head:>14}" for head in heads))
    before: Measured | None = None
    for size in dict.fromkeys(max(1000, accounts // part) for part in (8, 4, 2, 1)):
        with multiprocessing.get_context("spawn").Pool(1) as alone:
            one = alone.apply(measured, (size, days, seed))
        print(_row(one, before), flush=True)
        before = one


def _row(one: Measured, before: Measured | None) -> str:
    grows = f"n^{math.log(one.look / before.look) / math.log(one.accounts / before.accounts):.2f}" if before else ""
    told = (
        one.accounts,
        one.observations,
        f"{one.rate:.0f}",
        f"{one.kept:.0f}",
        f"{one.peak:.0f}",
        f"{one.look:.2f}",
        grows,
        f"{one.found:.0%}",
    )
    return "".join(f"{each:>14}" for each in told)


def measured(accounts: int, days: float, seed: int) -> Measured:
    """Learns a population, then looks at it."""
    analysis = Analysis(Risk(on=True, every=NEVER), accounts)
    began, learned, spent = _resident(), 0, 0.0
    stream = observations(accounts, days, seed)
    while chunk := list(islice(stream, CHUNK)):
        since = time.perf_counter()
        for seen in chunk:
            analysis.learn(seen)
        spent += time.perf_counter() - since
        learned += len(chunk)
    gc.collect()
    kept, since = _resident() - began, time.perf_counter()
    analysis.look(START + days * DAY)
    took, peak = time.perf_counter() - since, _most() - began
    members = {member.account for campaign in analysis.campaigns() for member in campaign.members}
    guilty = round(accounts * PREVALENCE)
    found = sum(_account(number) in members for number in range(guilty)) / guilty
    return Measured(accounts, learned, learned / spent, kept / accounts, peak / accounts, took, found)


def observations(accounts: int, days: float, seed: int) -> Iterator[Observation]:
    """The first 2.5 % of the accounts are the campaign."""
    rng, guilty = Random(f"scale/{seed}"), round(accounts * PREVALENCE)
    order = array("L", (number for number in range(accounts) for _ in range(_times(rng, guilty > number, days))))
    rng.shuffle(order)
    templates, payments, singles = array("Q"), array("Q"), array("d")
    for number in range(accounts):
        template, payment, single = _habit(rng, number, guilty, accounts)
        templates.append(template)
        payments.append(payment)
        singles.append(single)
    for place, number in enumerate(order):
        opening = rng.random() < singles[number]
        sketch = _sketch(templates[number], rng) if opening else ()
        yield Observation(
            at=START + days * DAY * place / len(order),
            request=f"r{place}",
            account=_account(number),
            organization=f"o{number}",
            payment=payments[number],
            address=number + 1,
            software=1 + number % 40,
            dialect="openai_chat",
            model="glade-2",
            opening=opening,
            sketch=sketch,
            conversation=rng.getrandbits(63),
            turns=1 if opening else 3,
            input=400,
            output=300,
        )


def _account(number: int) -> str:
    return f"acct_{number:08x}"


def _times(rng: Random, campaign: bool, days: float) -> int:  # noqa: FBT001  # one of two sides
    daily = CAMPAIGN_DAILY if campaign else HONEST_DAILY * rng.lognormvariate(0, 0.8)
    return max(1, round(daily * days))


def _habit(rng: Random, number: int, guilty: int, accounts: int) -> tuple[int, int, float]:
    """Template, payment, and the share of exchanges that begin a conversation."""
    if number < guilty:
        return 0, 1 + number % max(1, guilty // 5) if rng.random() < 0.4 else 10**6 + number, 0.97
    lot, payment = rng.random(), 10**7 + (number if rng.random() < 0.9 else rng.randrange(accounts))
    popular = 1 + min(POPULAR - 1, int(rng.paretovariate(0.9)))
    few = 1000 + rng.randrange(1 + accounts // 4)
    return popular if lot < 0.6 else few if lot < 0.8 else 10**7 + number, payment, rng.uniform(0.2, 0.9)


def _sketch(template: int, rng: Random) -> tuple[int, ...]:
    """Of an opening with a new item."""
    return tuple(sorted((*_template(template), *(rng.getrandbits(32) for _ in range(PIECES))))[:SKETCH])


@lru_cache(KNOWN)
def _template(number: int) -> tuple[int, ...]:
    rng = Random(f"template/{number}")
    return tuple(rng.getrandbits(32) for _ in range(PIECES))


def _resident() -> int:
    """Bytes in memory now."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * resource.getpagesize() if statm.exists() else _most()


def _most() -> int:
    """Bytes in memory at the worst moment."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
