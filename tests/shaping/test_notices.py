"""The notice in an answer's body."""

import json

from proxy.core.shaping import Notice
from proxy.shaping.edit import Raw
from proxy.shaping.notices import tell, told

NOTICE = Notice("degraded", ("log probabilities are left out", "reasoning is left out"), "Naïve “words”.", "ref")


def test_it_says_everything():
    assert json.loads(bytes(told(NOTICE))) == {
        "rung": "degraded",
        "measures": ["log probabilities are left out", "reasoning is left out"],
        "notice": "Naïve “words”.",
        "reference": "ref",
    }


def test_it_stands_last_and_once():
    members = {"stillgate": Raw(b"1"), "id": Raw(b"2")}
    for _ in range(2):
        tell(members, told(NOTICE))
        assert list(members) == ["id", "stillgate"]
        assert bytes(members["stillgate"]) == bytes(told(NOTICE))
