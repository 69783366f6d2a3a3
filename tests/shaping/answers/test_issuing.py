"""When a token stands in a value's place: all that can be the case, in one table."""

import pytest

from proxy.core.rules import Binding
from proxy.core.sealing import Finding
from proxy.core.shaping import Plan
from proxy.shaping.answers.issuing import Issuer, is_token
from proxy.shaping.edit import EMPTY, NULL, Raw, maybe_text
from tests.support.seals import a_binder

VALUE, TOKEN, TEXT = Raw(b'"c2ln"'), Raw(b'"SG\\u00541abc"'), Raw(b'"secret"')


@pytest.mark.parametrize(("binds", "restores", "opaque", "hidden", "issued"), [
    (True, "sealed", VALUE, False, True), (True, "never", VALUE, True, True), (True, "never", None, True, False),
    (False, "sealed", VALUE, False, False), (False, "sealed", VALUE, True, True), (False, "store", None, True, True),
    (False, "never", VALUE, True, False), (True, "sealed", NULL, False, False), (True, "sealed", EMPTY, False, False),
    (True, "sealed", NULL, True, True), (True, "sealed", TOKEN, True, False), (True, "sealed", TOKEN, False, False),
    (True, "sealed", Raw(b'{"odd": 1}'), False, True), (True, "sealed", None, False, False),
])  # fmt: skip
def test_when_a_token_is_issued(binds, restores, opaque, hidden, issued):
    binder = a_binder(rules=Binding(on=binds, restore=restores))
    members = {} if opaque is None else {"signature": opaque}
    token = Issuer(Plan(bind=binds), binder, "turn").token(members, {"thinking": TEXT} if hidden else {})
    assert (token is not None) is issued
    if token is not None:
        found, held = binder.opened(maybe_text(token) or "", "turn")
        assert found.finding is Finding.HOME
        assert held == members | ({"thinking": TEXT} if hidden and restores != "never" else {})
        assert is_token(token)


def test_without_a_binder_none_is():
    assert Issuer(Plan(bind=True), None, "").token({"signature": VALUE}, {"thinking": TEXT}) is None


def test_a_plan_that_does_not_bind_leaves_a_value():
    assert Issuer(Plan(), a_binder(), "").token({"signature": VALUE}, {}) is None
