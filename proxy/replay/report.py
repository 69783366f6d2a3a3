"""A replay's report, in words."""

from collections.abc import Iterator

from proxy.core.ladder import Rung
from proxy.core.windows import moment
from proxy.learning.campaign import Campaign
from proxy.replay.tally import RESTRICTS, Fate, Faults, Tally

DOES = {
    Rung.WATCH: "watched",
    Rung.THROTTLED: "slowed",
    Rung.CHALLENGED: "asked to verify",
    Rung.DEGRADED: "answered less",
    Rung.BLOCKED: "refused",
}
"""What a rung does to an account, in a word or two."""

SHOWN = 10
"""Campaigns and accounts that are named."""

PROMISES = ((40, 100), (60, 1_000), (80, 10_000))
"""Scores, and the N of which at most one honest account reaches them."""


def words(name: str, tally: Tally, faults: Faults) -> Iterator[str]:
    """All of it, line by line."""
    yield from heading(name, len(tally.fates), faults)
    yield ""
    yield from outcome(tally)
    yield ""
    yield from scores(tally)
    yield ""
    yield from _campaigns(tally.campaigns)
    yield from _highest(tally)


def heading(name: str, accounts: int, faults: Faults) -> Iterator[str]:
    """What was read."""
    if faults.first is None or faults.last is None:
        yield f"{name}: no exchange in {counted(faults.lines, 'line')}"
    else:
        yield (f"{name}: {counted(faults.lines, 'line')}, {counted(accounts, 'account')}, {moment(faults.first)} to {moment(faults.last)}")
    for why, count in faults.kinds.most_common():
        yield f"  {counted(count, 'line')} (first: {faults.where[why]:,}): {shown(why)}"
    if faults.disordered:
        yield f"  {counted(faults.disordered, 'exchange')} came before one of an earlier line"


def outcome(tally: Tally) -> Iterator[str]:
    """Who would have been slowed, asked and refused."""
    policy = tally.policy
    calibration = policy.risk.calibration
    yield f"policy {shown(policy.name)}, digest {policy.digest}, mode {'enforce' if policy.enforce else 'shadow'}"
    if not policy.risk.on:
        yield "its risk is off: nothing is observed and nothing is scored"
    else:
        yield f"a score of 60 takes {calibration.evidence(60.0):.1f} nats of evidence (calibration: {shown(calibration.said)})"
    yield f"{'':4}{'highest rung':14}{'':18}{'accounts':>10}{'in shadow':>11}{'trusted':>9}{'requests':>11}"
    for rung in DOES:
        yield _row(rung, tally)
    yield f"restricted: {share(len(tally.hit), len(tally.fates), 'account')}, {share(tally.restricted, tally.requests, 'request')}"
    spared = [name for name, fate in tally.fates.items() if fate.trusted and fate.earned >= RESTRICTS]
    named = f": {', '.join(map(shown, sorted(spared)[:SHOWN]))}{', …' if len(spared) > SHOWN else ''}" if spared else ""
    yield f"on the trusted list, and else restricted: {counted(len(spared), 'account')}{named}"
    for reason, count in tally.own.most_common():
        yield f"refused for what they ask, whoever asks ({reason}): {counted(count, 'request')}"


def _row(rung: Rung, tally: Tally) -> str:
    found = list(tally.earned(rung))
    trusted = sum(fate.trusted for fate in found)
    shadow = sum(not fate.trusted and fate.done < rung for fate in found)
    return f"{'':4}{rung.word:14}{DOES[rung]:18}{len(found):10,}{shadow:11,}{trusted:9,}{tally.at_rung[rung]:11,}"


def scores(tally: Tally) -> Iterator[str]:
    """What scores promise, beside what was seen."""
    total = len(tally.fates)
    scored = sum(fate.score > 0 for fate in tally.fates.values())
    yield f"a score above zero: {share(scored, total, 'account')}"
    for score, every in PROMISES:
        reached = sum(fate.score >= score for fate in tally.fates.values())
        yield f"{'':4}{score} or more: {reached:,}; of honest accounts at most 1 in {every:,}, here {total / every:.1f}"


def _campaigns(campaigns: tuple[Campaign, ...]) -> Iterator[str]:
    yield f"{counted(len(campaigns), 'campaign')} at the end"
    for campaign in campaigns[:SHOWN]:
        yield (
            f"{'':4}{shown(campaign.id)}: score {campaign.score:.1f}, since {moment(campaign.first_seen)}, "
            f"{counted(campaign.exchanges, 'exchange')}, {counted(campaign.output, 'output token')}: {shown(campaign.words)}"
        )
    if len(campaigns) > SHOWN:
        yield f"{'':4}… and {len(campaigns) - SHOWN:,} smaller ones"


def _highest(tally: Tally) -> Iterator[str]:
    found = sorted(((name, fate) for name, fate in tally.fates.items() if fate.score > 0), key=lambda each: (-each[1].score, each[0]))
    if found:
        yield "highest scores"
    for name, fate in found[:SHOWN]:
        yield f"{'':4}{shown(name)}: {fate.score:.1f}, {_came_to(fate)}: {shown(fate.because)}"


def _came_to(fate: Fate) -> str:
    if fate.trusted:
        return f"{fate.earned.word}, but for the trusted list"
    return fate.earned.word if fate.done >= fate.earned else f"{fate.earned.word} in shadow"


def counted(number: int, what: str) -> str:
    """`1 account`, `2,000 accounts`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def share(part: int, whole: int, what: str) -> str:
    """`3 of 4,000 accounts (0.08 %)`."""
    return f"{part:,} of {counted(whole, what)} ({100 * part / max(1, whole):.2f} %)"


def shown(text: str) -> str:
    """On one line, and without what moves a cursor."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:300])
