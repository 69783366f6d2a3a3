"""What a turn says, and which turn a block answers."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proxy.shaping.edit import Object, Raw
from proxy.shaping.histories.turns import MOST_BACK, Said, Turns, content_of, role_of

kinds = st.sampled_from(["system", "user", "tool", "assistant"])


def tell(message: Object) -> Said | None:
    role = role_of(message)
    if role == "tool":
        return Said(ids=(bytes(message["id"]).decode(),))
    return None if role == "assistant" else content_of(message.get("content"))


def turns(*messages: dict[str, Any]) -> Turns:
    return Turns([Raw(json.dumps(message).encode()) for message in messages], tell)


def messages(roles: list[str]) -> list[dict[str, Any]]:
    return [{"role": role, "id": place, "content": f"turn {place}"} for place, role in enumerate(roles)]


@given(roles=st.lists(kinds, max_size=12), asked=st.lists(st.integers(0, 12), max_size=6))
def test_the_nearest_turn_is_found_in_whatever_order_one_asks(roles, asked):
    found, fresh = turns(*messages(roles)), {}
    for place in [min(each, len(roles)) for each in asked]:
        fresh[place] = turns(*messages(roles)).before(place)
        callers = [each for each in range(found.start, place) if roles[each] != "assistant"]
        said = found.at(callers[-1]) if callers else None
        assert found.before(place) == fresh[place] == ("" if said is None else said.print)


@given(roles=st.lists(kinds, max_size=12))
def test_results_of_calls_do_not_hide_the_turn_behind_them(roles):
    found = turns(*messages(roles))
    anchors = found.all_before(len(roles))
    callers = [each for each in range(len(roles) - 1, found.start - 1, -1) if roles[each] != "assistant"]
    expected: list[str] = []
    for each in callers[:MOST_BACK]:
        said = found.at(each)
        assert said is not None
        expected.append(said.print)
        if roles[each] != "tool":
            break
    assert anchors == expected


def test_a_long_conversation_is_looked_at_once():
    looked = []

    def told(message: Object) -> Said | None:
        looked.append(message)
        return None

    found = Turns([Raw(b'{"role":"assistant"}')] * 500, told)
    assert {found.before(place) for place in range(501)} == {""}
    assert len(looked) == 500


def test_leading_system_messages_are_no_turn():
    system, answer = {"role": "system", "content": "be kind"}, {"role": "assistant", "content": "x"}
    assert turns(system, answer).before(1) == ""
    assert turns(system, {"role": "user", "content": "a"}, system, answer).before(3) == Said(text="be kind").print


def test_white_space_around_and_cuts_within_do_not_count():
    parts = Raw(b'[{"type":"text","text":"a"},{"type":"text","text":"b\\n"}]')
    assert content_of(parts).print == content_of(Raw(b'"ab"')).print != content_of(Raw(b'"a b"')).print


def test_the_order_of_results_does_not_count():
    assert Said(ids=("a", "b")).print == Said(ids=("b", "a")).print != Said(ids=("a",)).print
