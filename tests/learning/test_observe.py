"""Observations: the same of the same conversation in whatever dialect, and nothing in them that says what was said, or by whom."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.facts import Account, Ask, Ending, LogitAsk, Operation, Outcome, Usage
from proxy.dialects import CATALOGUE
from proxy.learning import codec
from proxy.learning.observation import Bias
from proxy.learning.observe import Client, network, observe
from proxy.learning.sketch import Keyed
from tests.support.canaries import Canaries
from tests.support.openings import DIALECTS, TALKING, body, nonsense, parts

KEY = Keyed(b"the operator's")
ANN = Account("ann", "acme", "free", created=1.5, verified=True, programme="research", payment="card-1")
CLIENT = Client("203.0.113.7", "openai-python/3", "t13d", "Host,Accept")
OUTCOME = Outcome(200, Ending.COMPLETE, Usage(100, 50, reasoning=20), reported=True, ended_at=2.0, response_model="m-1")
ASK = Ask(Operation.CHAT, "m")
dialects = pytest.mark.parametrize("dialect", DIALECTS)


def seen(dialect="openai_chat", raw=b"", ask=ASK, account=ANN, client=CLIENT, outcome=OUTCOME, key=KEY, foreign=0):
    return observe(dialect, raw, ask, account, client, outcome, 1.0, "req-1", key, foreign)


def hashes(found):
    """All that is keyed."""
    return {
        *found.sketch,
        found.payment,
        found.address,
        found.software,
        found.conversation,
        found.instructions,
        found.toolkit,
        found.parameters,
    } - {0}


@given(text=st.text(min_size=1, max_size=300))
def test_one_text_has_one_sketch_whatever_the_dialect(text):
    sketches = {seen(dialect, body(dialect, text)).sketch for dialect in DIALECTS}
    sketches |= {seen(dialect, body(dialect, parts(dialect, text))).sketch for dialect in TALKING}
    conversations = {seen(dialect, body(dialect, text)).conversation for dialect in DIALECTS}
    assert len(sketches) == len(conversations) == 1
    assert sketches.pop()
    assert conversations.pop()


@dialects
def test_nothing_of_what_was_said_or_who_said_it_is_found(dialect):
    canaries = Canaries()
    word = canaries.word
    raw = body(
        dialect, f"{word('prompt')} {word('end of the prompt')}", word("instructions"), tools=[{"name": word("tool")}],
        response_format={"name": word("form")}, metadata={"user": word("metadata")},
    )  # fmt: skip
    account = Account("ann", "acme", "", payment=word("payment"))
    client = Client(word("address"), word("user agent"), word("tls"), word("headers"))
    found = seen(dialect, raw, account=account, client=client)
    assert canaries.found_in(codec.encode(found) + codec.write(found).encode() + repr(found).encode()) == []
    assert canaries.found_in(raw)


@dialects
@given(text=st.text(min_size=1, max_size=200), system=st.text(min_size=1, max_size=50))
def test_another_secret_has_nothing_in_common(dialect, text, system):
    raw = body(dialect, text, system)
    one, other = seen(dialect, raw), seen(dialect, raw, key=Keyed(b"another's"))
    assert not hashes(one) & hashes(other)
    assert one == seen(dialect, raw, key=Keyed(b"the operator's"))


@pytest.mark.parametrize("dialect", TALKING)
def test_a_later_turn_is_known_by_how_its_conversation_began(dialect):
    after = [{"role": "assistant", "content": "yes"}, {"role": "user", "content": "and now?"}]
    first, later = seen(dialect, body(dialect, "one", "be brief")), seen(dialect, body(dialect, "one", "be brief", after))
    assert (first.opening, later.opening) == (True, False)
    assert (bool(first.sketch), later.sketch) == (True, ())
    assert (later.conversation, later.instructions) == (first.conversation, first.instructions)
    assert later.turns == first.turns + 2


@dialects
@given(
    raw=nonsense | st.text(max_size=9000).flatmap(lambda text: st.sampled_from([body(dialect, text, text) for dialect in DIALECTS])),
    name=st.text(max_size=400),
    number=st.integers(0, 10**15),
)
def test_an_observation_is_below_a_kilobyte_whatever_the_request(dialect, raw, name, number):
    ids = tuple(range(number, number + 2048))
    account = Account("a" * 200, "o" * 200, name, created=float(number), programme=name, payment=name)
    ask = Ask(Operation.CHAT, "m" * 256, output_cap=number, logits=LogitAsk(biased=ids, logprobs=True))
    outcome = Outcome(599, Ending.COMPLETE, Usage(number, number, reasoning=number), reported=True, ended_at=2.0)
    found = seen(dialect, raw, ask, account, Client(name, name, name, name), outcome, foreign=number)
    data = codec.encode(found)
    assert len(data) <= codec.MOST
    assert codec.decode(data) == found


@dialects
@given(raw=nonsense)
def test_nonsense_never_raises(dialect, raw):
    found = seen(dialect, raw)
    assert found.account == "ann"
    assert codec.decode(codec.encode(found)) == found


def test_what_is_known_beside_the_text():
    raw = json.dumps(
        {"model": "m", "messages": [], "max_tokens": 9, "n": 2, "logit_bias": {"7": 1, "9": 1, "30": 1}, "logprobs": True}
    ).encode()
    chat = CATALOGUE[0]
    found = seen(raw=raw, ask=chat.read(chat.routes[0], raw), foreign=3)
    assert (found.at, found.request, found.account, found.organization, found.tier) == (1.0, "req-1", "ann", "acme", "free")
    assert (found.verified, found.programme, found.created, found.dialect, found.model) == (True, "research", 1.5, "openai_chat", "m")
    assert (found.cap, found.input, found.output, found.reasoning, found.status) == (18, 100, 50, 20, 200)
    assert (found.bias, found.logprobs, found.foreign) == (Bias(7, 9, 3), True, 3)
    assert (found.opening, found.sketch, found.conversation, found.turns, found.toolkit) == (False, (), 0, 0, 0)
    one = seen(ask=Ask(Operation.CHAT, logits=LogitAsk(biased=(5,))))
    assert (one.bias, one.model) == (Bias(5, 5, 1), "m-1")
    assert seen(ask=Ask(Operation.CHAT, logits=LogitAsk(single=True))).bias is None


def test_what_is_not_known_is_zero():
    found = seen(account=Account("ann", "ann", ""), client=Client(""))
    assert (found.payment, found.address, found.software) == (0, 0, 0)
    assert found.parameters


def test_software_is_all_of_it_together():
    kinds = [Client("", "a"), Client("", "", "a"), Client("", "", "", "a"), Client("", "a", "a"), Client("", "b")]
    assert len({seen(client=each).software for each in kinds}) == len(kinds)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.7", "203.0.113.8", False),
        ("203.0.113.7", "::ffff:203.0.113.7", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("2001:DB8:1:2::1", "2001:db8:1:2::1", True),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("no:address", "no:address", True),
    ],
)
def test_an_address_is_a_customers_whole_network(one, other, same):
    assert (network(one) == network(other)) is same
    assert (seen(client=Client(one)).address == seen(client=Client(other)).address) is same
