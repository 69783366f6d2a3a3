"""A replay as one picture: scores over time by rung, how many accounts stood on each, the campaigns, and who would have been hit."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from proxy.core.ladder import Rung
from proxy.core.windows import moment
from proxy.learning.campaign import Campaign
from proxy.replay import svg
from proxy.replay.report import DOES, counted, share
from proxy.replay.tally import Fate, Faults, Tally
from proxy.replay.timeline import BAND, Slice

COLOURS = {
    Rung.CLEAR: "#9fb3c4", Rung.WATCH: "#5b87ad", Rung.THROTTLED: "#d9a520", Rung.CHALLENGED: "#e07b28", Rung.DEGRADED: "#c8442e",
    Rung.BLOCKED: "#7d1128",
}  # fmt: skip
WIDTH, LEFT, RIGHT = 960.0, 64.0, 120.0
INNER = WIDTH - LEFT - RIGHT
TALL, LOW, LANE = 220.0, 110.0, 26.0
LANES = 12
"""Campaigns that are drawn."""
TOP = 100


@dataclass(frozen=True, slots=True)
class Scale:
    """Where a moment stands on the paper."""

    first: float
    last: float

    def x(self, at: float) -> float:
        part = (at - self.first) / max(1.0, self.last - self.first)
        return LEFT + INNER * min(1.0, max(0.0, part))


def drawn(name: str, tallies: Sequence[Tally], faults: Faults) -> str:
    """One picture, each policy's part below the other's."""
    scale = Scale(faults.first or 0.0, faults.last or 1.0)
    parts, y = [svg.text(LEFT, 28, f"Replay of {name}", size=18)], 40.0
    for tally in tallies:
        height, drawing = _policy(tally, scale, y)
        parts += drawing
        y += height
    return svg.document(WIDTH, y + 16, f"Replay of {name}", parts)


def _policy(tally: Tally, scale: Scale, y: float) -> tuple[float, list[str]]:
    policy, start = tally.policy, y
    mode = "enforce" if policy.enforce else "shadow"
    parts = [svg.text(LEFT, y + 14, f"policy {policy.name}, digest {policy.digest}, mode {mode}; {_hit(tally)}")]
    y += 44
    parts += _scores(tally, scale, y)
    y += TALL + 44
    parts += _standing(tally, scale, y)
    y += LOW + 44
    parts += _campaigns(tally.campaigns[:LANES], scale, y)
    y += LANE * max(1, len(tally.campaigns[:LANES])) + 36
    parts += _people(tally, y)
    return y + 24 * len(DOES) + 24 - start, parts


def _hit(tally: Tally) -> str:
    return f"restricted: {share(len(tally.hit), len(tally.fates), 'account')}, {share(tally.restricted, tally.requests, 'request')}"


def _scores(tally: Tally, scale: Scale, y: float) -> Iterator[str]:
    """Columns are moments, rows bands of scores; the colour is the rung, its strength how many accounts."""
    yield svg.text(LEFT, y - 8, "Scores over time, coloured by rung; darker: more accounts", size=13)
    slices = tally.timeline.slices
    most = max((count for each in slices for count in each.accounts.values()), default=1)
    for each in slices:
        left = scale.x(each.at - tally.timeline.width)
        for rung, band in sorted(each.accounts):
            count = each.accounts[rung, band]
            strength = 0.25 + 0.75 * math.log1p(count) / math.log1p(most)
            said = f"{counted(count, 'account')} {rung.word} at {band} to {band + BAND}, {moment(each.at)}"
            top = y + TALL * (1 - (band + BAND) / TOP)
            yield svg.box(left, top, scale.x(each.at) - left, TALL * BAND / TOP - 1, COLOURS[rung], strength, said)
    for rung, least in sorted(tally.policy.ladder.steps.at.items()):
        level = y + TALL * (1 - least / TOP)
        yield svg.line((LEFT, level), (LEFT + INNER, level), COLOURS[rung], "3 3")
        yield svg.text(LEFT + INNER + 6, level + 4, f"{least:g} {rung.word}", colour=COLOURS[rung])
    yield from _frame(scale, y, TALL, "100", "0")


def _standing(tally: Tally, scale: Scale, y: float) -> Iterator[str]:
    """Stacked: how many accounts stood on each rung."""
    yield svg.text(LEFT, y - 8, "Accounts on each rung by their score", size=13)
    slices = tally.timeline.slices
    most = max((sum(each.on(rung) for rung in DOES) for each in slices), default=0)
    below = [0] * len(slices)
    for rung in DOES:
        above = [under + each.on(rung) for under, each in zip(below, slices, strict=True)]
        if above != below:
            yield svg.area(_band(slices, below, above, scale, (y, most)), COLOURS[rung], f"{rung.word}: {DOES[rung]}")
        below = above
    yield from _frame(scale, y, LOW, f"{most:,}", "0")


def _band(slices: list[Slice], below: list[int], above: list[int], scale: Scale, frame: tuple[float, int]) -> list[svg.Point]:
    top, most = frame

    def edge(levels: list[int]) -> list[svg.Point]:
        return [(scale.x(each.at), top + LOW * (1 - level / most)) for each, level in zip(slices, levels, strict=True)]

    return edge(above) + edge(below)[::-1]


def _campaigns(campaigns: tuple[Campaign, ...], scale: Scale, y: float) -> Iterator[str]:
    """A lane each, as high as its members were many."""
    yield svg.text(LEFT, y - 8, "Campaigns, as they grew", size=13)
    if not campaigns:
        yield svg.text(LEFT, y + 16, "none", colour="#6b7884")
    most = max((len(campaign.members) for campaign in campaigns), default=1)
    for row, campaign in enumerate(campaigns):
        floor = y + LANE * (row + 1) - 4
        yield svg.line((LEFT, floor), (LEFT + INNER, floor))
        yield svg.area(_growth(campaign, scale, floor, most), "#8a5fa8", campaign.words)
        yield svg.text(LEFT + INNER + 6, floor, f"{len(campaign.members):,} at {campaign.score:.0f}")
        yield svg.text(LEFT - 6, floor, campaign.id[:8], size=10, anchor="end")


def _growth(campaign: Campaign, scale: Scale, floor: float, most: int) -> list[svg.Point]:
    height = (LANE - 6) / max(1, most)
    points = [(scale.x(campaign.first_seen), floor)]
    for count, since in enumerate(sorted(member.since for member in campaign.members), 1):
        x = scale.x(max(since, campaign.first_seen))
        points += [(x, points[-1][1]), (x, floor - height * count)]
    end = scale.x(max(campaign.seen, campaign.first_seen))
    return [*points, (max(end, points[-1][0]), points[-1][1]), (max(end, points[-1][0]), floor)]


def _people(tally: Tally, y: float) -> Iterator[str]:
    """Accounts by the highest rung they reached: in earnest, in shadow, and on the trusted list."""
    yield svg.text(LEFT, y - 8, "Accounts by highest rung: full, in earnest; pale, in shadow; grey, spared by the trusted list", size=13)
    groups = {rung: _parts(list(tally.earned(rung)), rung) for rung in DOES}
    most = max(1, *(sum(parts) for parts in groups.values()))
    for row, (rung, parts) in enumerate(groups.items()):
        top, x = y + 24.0 * row, LEFT + 100
        yield svg.text(LEFT + 92, top + 15, DOES[rung], anchor="end")
        for count, (colour, opacity) in zip(parts, ((COLOURS[rung], 1.0), (COLOURS[rung], 0.35), ("#9aa3ab", 1.0)), strict=True):
            width = (INNER - 100) * count / most
            yield svg.box(x, top + 3, width, 16, colour, opacity)
            x += width
        yield svg.text(x + 6, top + 15, _said(parts))


def _parts(fates: list[Fate], rung: Rung) -> tuple[int, int, int]:
    trusted = sum(fate.trusted for fate in fates)
    shadow = sum(not fate.trusted and fate.done < rung for fate in fates)
    return len(fates) - trusted - shadow, shadow, trusted


def _said(parts: tuple[int, int, int]) -> str:
    done, shadow, trusted = parts
    more = [f"{shadow:,} in shadow"] * bool(shadow) + [f"{trusted:,} trusted"] * bool(trusted)
    return ", ".join([f"{done:,}", *more])


def _frame(scale: Scale, y: float, height: float, top: str, bottom: str) -> Iterator[str]:
    """The axes of a panel; below it, when it begins and ends."""
    yield svg.line((LEFT, y), (LEFT, y + height))
    yield svg.line((LEFT, y + height), (LEFT + INNER, y + height))
    yield svg.text(LEFT - 6, y + 10, top, anchor="end")
    yield svg.text(LEFT - 6, y + height, bottom, anchor="end")
    yield svg.text(LEFT, y + height + 14, moment(scale.first), size=10, colour="#6b7884")
    yield svg.text(LEFT + INNER, y + height + 14, moment(scale.last), size=10, anchor="end", colour="#6b7884")
