"""Laws of `strictest`: no order, no count, nothing lost, and never milder than what it was made of."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.sanctions.base import Sanction
from proxy.core.terms import Grace, Terms, strictest
from tests.core.test_shaping import at_least as plan_at_least
from tests.support.sanctions import sanctions

some = st.lists(sanctions, max_size=5)


def demanded(found: list[Sanction]) -> Terms:
    return strictest(*(sanction.terms() for sanction in found))


terms = some.map(demanded)


def at_least(one: Terms, other: Terms) -> bool:
    """Is `one` in no member milder than `other`?"""
    return (
        plan_at_least(one.plan, other.plan)
        and one.share <= other.share
        and (other.pace is None or (one.pace is not None and one.pace <= other.pace))
        and one.delay >= other.delay
        and (other.verify is None or (one.verify is not None and _no_longer(one.verify, other.verify)))
        and one.block >= other.block
    )


def _no_longer(one: Grace, other: Grace) -> bool:
    fewer = other.exchanges is None or (one.exchanges is not None and one.exchanges <= other.exchanges)
    return one.seconds <= other.seconds and fewer


@given(terms, terms)
def test_order_means_nothing(one: Terms, other: Terms) -> None:
    assert strictest(one, other) == strictest(other, one)


@given(st.data(), some)
def test_nor_does_the_order_of_a_rungs_list(data: st.DataObject, found: list[Sanction]) -> None:
    assert demanded(data.draw(st.permutations(found))) == demanded(found)


@given(terms, terms, terms)
def test_nor_do_brackets(one: Terms, two: Terms, three: Terms) -> None:
    assert strictest(strictest(one, two), three) == strictest(one, strictest(two, three)) == strictest(one, two, three)


@given(terms)
def test_twice_is_once_and_nothing_adds_nothing(one: Terms) -> None:
    assert strictest(one, one) == one
    assert strictest(one, Terms()) == strictest(Terms(), one) == strictest(one) == one


def test_of_nothing_is_nothing() -> None:
    assert strictest() == Terms()


@given(terms, terms)
def test_never_milder_than_either(one: Terms, other: Terms) -> None:
    both = strictest(one, other)
    assert at_least(both, one)
    assert at_least(both, other)


@given(terms, terms)
def test_what_is_no_milder_absorbs(one: Terms, other: Terms) -> None:
    """A lattice: adding what is already demanded changes nothing."""
    both = strictest(one, other)
    assert strictest(both, one) == both


@given(some, sanctions)
def test_one_more_sanction_is_never_milder(found: list[Sanction], more: Sanction) -> None:
    assert at_least(demanded([*found, more]), demanded(found))


def test_as_one_reads_it() -> None:
    both = strictest(Terms(share=0.5, pace=20.0, verify=Grace(3600.0)), Terms(share=0.8, pace=5.0, delay=1.0, verify=Grace(60.0, 9)))
    assert both == Terms(share=0.5, pace=5.0, delay=1.0, verify=Grace(60.0, 9))
