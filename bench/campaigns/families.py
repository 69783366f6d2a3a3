"""Campaign families: what each does. Half of a family's campaigns carry no timing signal; none shares all of its infrastructure."""

from dataclasses import dataclass

from bench.campaigns.talks import Talk, once, talked, worked

Range = tuple[float, float]
"""A campaign draws its own value between the two."""


@dataclass(frozen=True, slots=True)
class Strand:
    """One kind of thing that a campaign asks."""

    purpose: str
    """Of its template; "": none, the items stand alone."""
    domain: str
    """Of its list."""
    talk: Talk = once
    effort: str = ""
    output: float = 500.0
    turns: float = 1.0
    tools: int = 0


@dataclass(frozen=True, slots=True)
class Family:
    """How campaigns of a kind go about it. Ranges are shares of accounts unless they say otherwise."""

    name: str
    weight: float
    """Accounts, in proportion."""
    per_day: float
    """Conversations of an account, median; the published campaigns ran about 26."""
    strands: tuple[Strand, ...]
    payment: Range = (0.2, 0.7)
    """Paying with one of a few means."""
    software: Range = (0.15, 0.5)
    """With one unusual piece of software."""
    address: Range = (0.2, 0.6)
    """Through one of a few addresses of its own."""
    covered: Range = (0.0, 0.3)
    """Carrying other traffic too."""
    cover: Range = (0.1, 0.4)
    """Of a covered account's conversations, the share that is other traffic."""
    synchronised: float = 0.5
    """How likely one scheduler gives all accounts their hours."""
    public: Range = (0.1, 0.4)
    """Of its items, the share taken from public lists, which honest evaluations run too."""
    repeated: Range = (0.0, 0.12)
    """Of its items, the share asked twice, by two accounts."""
    reworded: Range = (0.0, 0.2)
    """Of a template's sentences, the share that each account says anew."""
    most_per_day: int = 0
    """No account asks more; 0: no such rule."""
    phased: bool = False
    """Its strands come one after the other, not mixed."""
    pivots: bool = False
    """Half of its traffic moves to the new model within a day."""
    succession: bool = False
    """Most accounts stop half-way, and new ones take up their lists."""
    sweeps: bool = False
    """Reads the vocabulary out, token by token."""
    fronted: bool = False
    """Sits behind a relay that sells to people; its other traffic is theirs."""


_REASON = Strand("reason", "sum", effort="high", output=900)

FAMILIES = {
    family.name: family
    for family in (
        Family("harvest", 2.0, 6.0, (_REASON, Strand("reason", "science", effort="medium", output=800)), synchronised=1.0),
        Family("rubric", 1.0, 6.0, (Strand("grade", "graded", output=60, effort="low"), Strand("grade", "graded", output=40))),
        Family(
            "agentic",
            1.5,
            3.0,
            (Strand("agent", "errand", worked, output=150, turns=2.0, tools=5), Strand("program", "coding", output=700)),
            synchronised=0.0,
            phased=True,
        ),
        Family("pivot", 1.5, 3.0, (Strand("agent", "repair", worked, effort="medium", output=300, turns=2.5, tools=4),), pivots=True),
        Family(
            "hydra",
            2.0,
            8.0,
            (Strand("write", "task", output=900), _REASON, Strand("program", "coding", output=700)),
            payment=(0.1, 0.4),
            covered=(1.0, 1.0),
            cover=(0.3, 0.95),
            synchronised=0.0,
            succession=True,
        ),
        Family(
            "low_slow",
            2.0,
            3.0,
            (Strand("write", "persona", output=900), Strand("write", "task", output=700), Strand("write", "science", output=600)),
            payment=(0.1, 0.3),
            software=(0.1, 0.3),
            address=(0.1, 0.3),
            synchronised=0.0,
            reworded=(0.1, 0.4),
            most_per_day=20,
        ),
        Family("logits", 1.0, 4.0, (Strand("", "chat", output=1), Strand("", "review", output=1)), public=(0.0, 0.0), sweeps=True),
        Family(
            "resale",
            1.0,
            4.0,
            (_REASON, Strand("teach", "puzzle", talked, effort="medium", output=600, turns=1.3)),
            payment=(0.3, 0.6),
            software=(0.9, 1.0),
            address=(0.9, 1.0),
            covered=(0.7, 1.0),
            cover=(0.4, 0.8),
            fronted=True,
        ),
    )
}
