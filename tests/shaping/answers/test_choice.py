"""One choice: what it remembers of its frames, and when it is done."""

import json

from proxy.core.shaping import Knobs, Plan, Reasoning, Show
from proxy.shaping.answers.choice import Choice, reasons
from proxy.shaping.answers.veils import Way
from proxy.shaping.edit import opened, written
from tests.support.chunks import told
from tests.support.seals import a_binder


def a_choice(show=Show.OMIT, binder=None, knobs=None):
    return Choice(Way(Plan(reasoning=Reasoning(show)), binder, "here"), knobs or Knobs(tag=""))


def an_object(**members):
    return opened(json.dumps(members).encode())


def test_a_frame_of_ours_begins_as_its_last_with_reasoning():
    choice = a_choice()
    choice.at(an_object(id="c", choices=[1], usage={"x": 1}, prompt_token_ids=[1], stillgate={}, odd=2), an_object(index=3), b"frame")
    assert json.loads(written(choice.head)) == {"id": "c", "usage": None, "odd": 2}
    assert json.loads(written(choice.index)) == {"index": 3}
    choice.at(an_object(id="c"), an_object(), b"frame")
    assert choice.index == {}


def test_it_is_busy_while_something_is_owed():
    choice = a_choice(binder=a_binder())
    assert not choice.busy
    assert choice.hide(an_object(reasoning="a"))
    assert choice.busy
    assert list(told(choice.ending())) == ["reasoning"]
    assert not choice.busy
    assert told(choice.ending()) == {}
    forgetful = a_choice()
    assert forgetful.hide(an_object(reasoning="a"))
    assert not forgetful.busy


def test_it_is_busy_until_its_text_has_begun():
    choice = a_choice(knobs=Knobs())
    assert choice.busy
    inline = choice.reads()
    assert inline is not None
    assert inline is choice.reads()
    told(inline.feed("x"))
    assert not choice.busy


def test_it_is_blind_from_its_first_reasoning_on():
    choice = a_choice(Show.KEEP, knobs=Knobs())
    assert not choice.blind
    choice.hide(an_object(reasoning=""))
    assert not choice.blind
    choice.hide(an_object(reasoning="x"))
    assert choice.blind


def test_a_whole_one_is_filled_where_it_stands():
    said = an_object(reasoning="abc", content="x", reasoning_details=[{"summary": "s", "type": "t"}])
    choice = a_choice(Show.REWRITE)
    assert choice.hide(said, whole=True)
    assert told(choice.fill(said))
    assert json.loads(written(said)) == {"reasoning": "[3]", "content": "x", "reasoning_details": [{"summary": "[1]", "type": "t"}]}
    assert not told(choice.fill(said))


def test_what_reasons():
    assert reasons(an_object(reasoning="a"))
    assert reasons(an_object(reasoning_details=[]))
    assert not reasons(an_object(reasoning="", reasoning_content=None, content="x"))
