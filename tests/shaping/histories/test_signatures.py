"""Gemini's thought signatures."""

from proxy.core.sealing import Finding
from proxy.shaping.histories.signatures import DUMMY
from tests.support.chats import ANCHOR, restored, signed
from tests.support.conversations import raw
from tests.support.seals import a_binder


def test_gemini_signatures_wherever_they_stand():
    sealed = a_binder().token({"thought_signature": raw("sig")}, {}, ANCHOR)
    call = {"id": "c", "function": {"name": "f"}}
    sent = {"tool_calls": [call | signed(sealed), call, "odd"], "function_call": {"name": "f"} | signed(sealed)} | signed(sealed)
    made = {"tool_calls": [call | signed("sig"), call, "odd"], "function_call": {"name": "f"} | signed("sig")} | signed("sig")
    assert restored(**sent) == (made, [])
    inner = {"tool_calls": [{"id": "c", "function": {"name": "f"} | signed(sealed)}]}
    assert restored(**inner) == ({"tool_calls": [{"id": "c", "function": {"name": "f"} | signed("sig")}]}, [])


def test_a_call_whose_signature_had_to_go_has_googles_word_for_it():
    sent = {"tool_calls": [{"id": "c"} | signed("stolen")], "function_call": signed("stolen")} | signed("stolen")
    made = {"tool_calls": [{"id": "c"} | signed(DUMMY)], "function_call": signed(DUMMY), "extra_content": {"google": {}}}
    assert restored(**sent) == (made, [Finding.FOREIGN] * 3)
    assert restored(tool_calls=[{"id": "c"} | signed(DUMMY)])[1] == []
