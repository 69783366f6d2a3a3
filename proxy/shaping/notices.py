"""What an answer's body says of how it was shaped: one member, always the last. The words are the plan's."""

from proxy.core.shaping import Notice
from proxy.shaping.edit import Object, Raw, closed

MEMBER = "stillgate"


def told(notice: Notice) -> Raw:
    """The member's value."""
    return closed({
        "rung": notice.rung, "measures": notice.measures, "notice": notice.sentence, "reference": notice.reference,
    })  # fmt: skip


def tell(members: Object, value: Raw) -> None:
    """Puts it last; one that is there already gives way."""
    members.pop(MEMBER, None)
    members[MEMBER] = value
