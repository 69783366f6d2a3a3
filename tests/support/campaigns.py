"""Campaigns and scores as the analyst publishes them: one example, and any."""

from hypothesis import strategies as st

from proxy.analyst.records import Record
from proxy.learning.campaign import Campaign, Member, Verdict
from proxy.learning.score import Reading, Score, Share

AT = 1_900_000_000.0
COVERAGE = Reading("coverage", 9.1, "12 strangers fill one rare template")
NEW_MODEL = Reading("new_model", 1.0, "5 of 12 strangers moved to large-1", counted=False)
SWEEP = Reading("template_sweep", 2.0, "41 openings share 6 pieces of one template", counted=False)


def campaign(name: str = "c3", members: int = 12, verdict: Verdict | None = None) -> Campaign:
    """One that runs for a day."""
    accounts = (Member(f"account-{n}", f"house-{n}", AT + n, "linked" if n else "skeleton", 100 - n, 1 - n / 100) for n in range(members))
    return Campaign(
        name, AT, AT + 86400, 9.1, 69.5, (COVERAGE, NEW_MODEL), tuple(accounts), 1234, 56_789, (("large-1", 1000), ("small-1", 234)),
        (1, 2**32 - 1), (2**64 - 1,), (7,), (), verdict, ("c1",),
    )  # fmt: skip


RECORD = Record(
    AT + 86400, "house-2",
    Score(69.5, 9.1, (Share("coverage", 69.5, COVERAGE.why),), "c3", "one of 12 accounts of campaign c3: 12 strangers fill one template"),
    (SWEEP,), (("account-3", 0.83), ("account-4", 0.6)),
)  # fmt: skip

_moments = st.floats(1.7e9, 2e9)
_hashes = st.lists(st.integers(1, 2**64 - 1), max_size=5, unique=True).map(tuple)
_counts = st.integers(0, 10**12)
_readings = st.builds(Reading, st.sampled_from(["coverage", "synchrony"]), st.floats(0.1, 20), st.just("seen"), st.booleans())
_letters = st.characters(codec="utf-8", exclude_characters="{}", exclude_categories=("C", "Z"))
_names = st.text(_letters, min_size=1, max_size=20).map("who: {}".format)
"""None of them could stand in a bundle by chance."""


@st.composite
def campaigns(draw: st.DrawFn) -> Campaign:
    """Any that an analyst could publish."""
    first = draw(_moments)
    members = draw(st.lists(st.builds(Member, _names, _names, _moments, st.just("linked"), _counts, st.floats(0, 1)), max_size=6))
    pieces = draw(st.lists(st.integers(1, 2**32 - 1), max_size=5, unique=True))
    models = draw(st.lists(st.tuples(st.sampled_from(["large-1", "small-1"]), st.integers(1, 10**9)), max_size=2))
    return Campaign(
        f"c{draw(st.integers(1, 9))}", first, first + draw(st.floats(0, 1e6)), draw(st.floats(0, 80)), draw(st.floats(0, 99)),
        tuple(draw(st.lists(_readings, max_size=3))), tuple(members), draw(_counts), draw(_counts), tuple(models), tuple(pieces),
        draw(_hashes), draw(_hashes), draw(_hashes), Verdict.CONFIRMED,
    )  # fmt: skip
