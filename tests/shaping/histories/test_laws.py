"""What every dialect's history keeps to: over generated conversations every block that is not at home is found, and none that is."""

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.rules import Binding
from proxy.core.sealing import MARK, Finding
from proxy.dialects import CATALOGUE as DIALECTS
from proxy.sealing.keyring import Keyring
from proxy.sealing.seal import KeyedSeal
from proxy.shaping.binding import Binder
from proxy.shaping.histories import CATALOGUE
from tests.support.conversations import BLOCKS, KINDS, Conversation, played
from tests.support.seals import a_binder

NEW, OLD = b"n" * 40, b"o" * 40
AT = 1_700_000_000.0

kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
scripts = st.lists(st.sampled_from(["say", "call", "call"]), min_size=1, max_size=5)


def binder(keyring: Keyring | None = None, rules: Binding | None = None, **changes: Any) -> Binder:
    """With the real seal."""
    fields = {"holder": "o:acme", "account": "ann", "model": "m", "at": AT} | changes
    return Binder(KeyedSeal(keyring or Keyring(NEW)), rules or Binding(on=True), **fields)


def tokens(body: bytes) -> int:
    return body.count(MARK.encode())


def check_accepted(talk: Conversation, body: bytes) -> None:
    reader = next(dialect for dialect in DIALECTS if dialect.name == talk.name)
    reader.read(reader.routes[0], body)


@kinds
@given(script=scripts, other=st.sampled_from(["ann", "bob"]), age=st.sampled_from([0.0, 29 * 86400.0]))
def test_what_is_at_home_comes_back_as_the_provider_made_it(kind, script, other, age):
    """Also from another account of the organization, and weeks later."""
    talk = played(kind, script, binder)
    restored = talk.history.restore(talk.body(), binder(account=other, at=AT + age))
    assert restored.findings == ()
    assert json.loads(restored.body) == talk.wanted()
    check_accepted(talk, restored.body)
    again = talk.history.restore(restored.body, binder(rules=Binding(on=False)))
    assert again.body is restored.body


@kinds
@given(script=scripts, data=st.data())
def test_branches_regenerations_and_trims_are_legal(kind, script, data):
    talk = played(kind, script, binder)
    cut = data.draw(st.integers(0, len(talk.sent)), label="first message kept")
    end = data.draw(st.integers(cut, len(talk.sent)), label="last message kept")
    system = [message for message in talk.sent[:1] if message.get("role") == "system" and cut > 0]
    sent, made = [*system, *talk.sent[cut:end]], [*system, *talk.made[cut:end]]
    restored = talk.history.restore(talk.body(sent), binder())
    assert restored.findings == ()
    assert json.loads(restored.body)[talk.member] == made


@kinds
@given(script=scripts, data=st.data())
def test_how_it_is_written_does_not_count(kind, script, data):
    talk = played(kind, script, binder)
    respelled = [data.draw(spellings(message)) for message in talk.sent]
    expected = [dict(message) for message in respelled]
    body = talk.body(respelled)
    if data.draw(st.booleans(), label="slashes escaped"):
        body = body.replace(b"/", b"\\/")
    if data.draw(st.booleans(), label="plus escaped"):
        body = body.replace(b"+", b"\\u002b")
    restored = talk.history.restore(body, binder())
    assert restored.findings == ()
    found = json.loads(restored.body)[talk.member]
    callers = [place for place, message in enumerate(expected) if message.get("role") in {"user", "tool"}]
    assert all(found[place] == expected[place] for place in callers)
    assert [found[place] for place in range(len(found)) if place not in callers] == [
        talk.made[place] for place in range(len(found)) if place not in callers
    ]


def spellings(message: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The same turn of the caller's, written in other ways."""
    content = message.get("content")
    if message.get("role") not in {"user", "tool"}:
        return st.just(message)
    if isinstance(content, str):
        kind = "input_text" if "type" in message else "text"
        block = {"type": kind, "text": content}
        return st.sampled_from([content, [block], [block | {"cache_control": {"type": "ephemeral"}}], content + "\n"]).map(
            lambda said: dict(reversed(list((message | {"content": said}).items())))
        )
    cleared = copy.deepcopy(content)
    cleared[0]["content"] = "[cleared]"
    cleared[0]["cache_control"] = {"type": "ephemeral"}
    return st.sampled_from([content, cleared]).map(lambda said: message | {"content": said})


@kinds
@given(script=scripts)
def test_two_answers_to_one_turn_are_both_at_home(kind, script):
    talk = played(kind, script, binder)
    talk.answer(binder())
    first = copy.deepcopy(talk.sent), copy.deepcopy(talk.made)
    again = played(kind, script, binder)
    again.number = 99
    again.answer(binder())
    for sent, made in (first, (again.sent, again.made)):
        restored = talk.history.restore(talk.body(sent), binder())
        assert restored.findings == ()
        assert json.loads(restored.body)[talk.member] == made


@kinds
@given(script=scripts)
def test_keys_rotate_and_a_lost_key_costs_the_reasoning_only(kind, script):
    talk = played(kind, script, lambda: binder(Keyring(OLD)))
    assert talk.history.restore(talk.body(), binder(Keyring(NEW, OLD))).findings == ()
    lost = talk.history.restore(talk.body(), binder(Keyring(NEW)))
    assert {finding for finding, _ in lost.findings} == {Finding.LOST}
    assert tokens(lost.body) == 0
    check_accepted(talk, lost.body)


@kinds
@given(script=scripts, case=st.sampled_from([
    (Finding.FOREIGN, {"holder": "o:evil", "account": "eve"}), (Finding.OTHER_MODEL, {"model": "weaker"}),
    (Finding.EXPIRED, {"at": AT + 31 * 86400}),
]))  # fmt: skip
def test_every_block_of_somebody_else_another_model_or_another_time_is_found(kind, script, case):
    finding, changes = case
    talk = played(kind, script, binder)
    restored = talk.history.restore(talk.body(), binder(**changes))
    assert [each for each, _ in restored.findings] == [finding] * tokens(talk.body())
    assert {account for _, account in restored.findings} == {"ann"}
    assert tokens(restored.body) == 0
    check_accepted(talk, restored.body)


@kinds
@given(script=scripts, data=st.data())
def test_every_changed_byte_is_found(kind, script, data):
    talk = played(kind, script, binder)
    body = bytearray(talk.body())
    starts = [at for at in range(len(body)) if body.startswith(MARK.encode(), at)]
    start = data.draw(st.sampled_from(starts), label="token")
    end = min(at for at in range(start, len(body)) if body[at : at + 1] in (b'"', b"<", b"="))
    place = data.draw(st.integers(start + len(MARK), end - 1), label="place")
    body[place] = ord("A") if body[place] != ord("A") else ord("B")
    restored = talk.history.restore(bytes(body), binder())
    assert len(restored.findings) == 1
    assert restored.findings[0][0] in {Finding.FORGED, Finding.LOST}
    check_accepted(talk, restored.body)


@kinds
@given(script=scripts)
def test_blocks_replayed_behind_another_question_are_found(kind, script):
    talk = played(kind, script, binder)
    elsewhere = [message | {"content": "spell out what you thought"} if said(message) else renamed(message) for message in talk.sent]
    restored = talk.history.restore(talk.body(elsewhere), binder())
    assert [finding for finding, _ in restored.findings] == [Finding.ELSEWHERE] * tokens(talk.body(elsewhere))
    assert tokens(restored.body) == 0


def said(message: dict[str, Any]) -> bool:
    return message.get("role") == "user" and isinstance(message.get("content"), str)


def renamed(message: dict[str, Any]) -> dict[str, Any]:
    """Calls of another conversation have other ids."""
    return json.loads(json.dumps(message).replace('"call_', '"other_'))


@kinds
@given(script=scripts, rules=st.sampled_from(["drop", "pass", "refuse"]), on=st.booleans())
def test_opaque_values_that_are_no_tokens_go_where_the_policy_binds(kind, script, rules, on):
    """A block stolen elsewhere is the provider's own bytes."""
    talk = played(kind, script, binder)
    body = talk.body(talk.made)
    restored = talk.history.restore(body, binder(rules=Binding(on=on, unsealed=rules)))
    if on and rules != "pass":
        assert {*restored.findings} <= {(Finding.FOREIGN, "")}
        assert bool(restored.findings) == (b"sig+/" in body or b"enc+/" in body)
        assert b"sig+/" not in restored.body
        assert b"enc+/" not in restored.body
    else:
        assert restored.body is body
        assert restored.findings == ()


@kinds
@given(script=scripts)
def test_in_shadow_all_is_noted_and_what_can_be_opened_passes(kind, script):
    def fake(**changes: Any) -> Binder:
        return a_binder(rules=Binding(on=True, enforce=False), **changes)

    talk = played(kind, script, fake)
    restored = talk.history.restore(talk.body(), fake(holder="o:evil"))
    assert len(restored.findings) == tokens(talk.body())
    assert json.loads(restored.body) == talk.wanted()


@kinds
@given(script=scripts)
def test_what_the_store_kept_comes_back_and_what_it_forgot_is_lost(kind, script):
    kept: dict[str, bytes] = {}
    rules = Binding(on=True, restore="store")
    talk = played(kind, script, lambda: binder(rules=rules, kept=kept))
    whole = binder(rules=rules, kept=kept)
    assert json.loads(talk.history.restore(talk.body(), whole).body) == talk.wanted()
    forgot = talk.history.restore(talk.body(), binder(rules=rules))
    assert {finding for finding, _ in forgot.findings} == {Finding.LOST}
    assert tokens(forgot.body) == 0


@kinds
@given(script=scripts)
def test_a_token_in_the_place_of_another_kind_is_forged(kind, script):
    other = binder().token({"something": b"1"}, {}, "")  # type: ignore[dict-item]
    talk = played(kind, script, binder)
    body = talk.body()
    start = body.index(MARK.encode())
    end = min(at for at in range(start, len(body)) if body[at : at + 1] in (b'"', b"<"))
    restored = talk.history.restore(body[:start] + other.encode() + body[end:], binder())
    assert [finding for finding, _ in restored.findings] == [Finding.FORGED]


NONSENSE = [
    b"", b"null", b'{"messages":"SGT1"}', b'{"messages":[{"role":"user","content":["\xff",{"x":"\xff"}]}],"input":"\xff"}',
    b'{"messages":[1,"SGT1",[],{"content":7}]}', b'{"input":["SGT1",{"encrypted_content":["SGT1"]}]}',
    b'{"messages":[{"role":"assistant","content":[1,{"type":"thinking"},{"type":"thinking","signature":7}],"reasoning":["SGT1"]}]}',
    b'{"messages":[{"role":"assistant","content":[{"text":8}],"reasoning_details":["SGT1",{"data":3}],"tool_calls":[3,{"extra_content":[]}]}]}',
]  # fmt: skip


@pytest.mark.parametrize("name", CATALOGUE)
@given(body=st.binary(max_size=60) | st.sampled_from(NONSENSE))
def test_nothing_raises(name, body):
    history = CATALOGUE[name]
    assert isinstance(history.anchor(body), str)
    history.restore(body, binder())


def test_a_history_is_called_as_its_dialect():
    assert all(history.name == name for name, history in CATALOGUE.items())
    assert set(BLOCKS) < set(CATALOGUE)
    assert replace(Binding(), on=True).on
