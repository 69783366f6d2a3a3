"""What shaping costs: processor time per SSE event and memory per stream, in the shaper alone.

Streams are the demo model's own, of every dialect with reasoning. Each is shaped under no plan, bound only, and with its reasoning
left out and sealed; rounds take turns, and the smallest time counts, for noise only adds.
"""

import json
import time
import tracemalloc
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from proxy.core.rules import Binding
from proxy.core.shaping import NO_LOGPROBS, Logprobs, Plan, Reasoning, Show
from proxy.demo import anthropic, openai_chat
from proxy.demo.openai_responses import Responses
from proxy.demo.wire import Answer, Asked
from proxy.dialects import CATALOGUE
from proxy.dialects.base import Tally
from proxy.sealing.keyring import Keyring
from proxy.sealing.seal import KeyedSeal
from proxy.shaping.answers import CATALOGUE as ANSWERS
from proxy.shaping.binding import Binder
from proxy.shaping.stream import Shaper

ROUNDS = 9
SAID = "think 400 words say 400 words"
PLANS = {
    "no plan": Plan(),
    "bound": Plan(bind=True),
    "left out and sealed": Plan(bind=True, reasoning=Reasoning(Show.OMIT), logprobs=Logprobs(NO_LOGPROBS)),
}


@dataclass(frozen=True)
class Case:
    """One dialect's stream."""

    dialect: str
    answer: Callable[[Asked], Answer]
    body: dict[str, object]

    def frames(self) -> list[bytes]:
        asked = Asked(json.dumps(self.body).encode(), "0" * 24)
        return [frame.data for frame in self.answer(asked).frames or () if frame.data]


_CHAT = {"stream": True, "messages": [{"role": "user", "content": SAID}]}
CASES = (
    Case("openai_chat", openai_chat.answer, {"model": "demo-deepseek", **_CHAT}),
    Case("openai_chat", openai_chat.answer, {"model": "demo-inline", **_CHAT}),
    Case("anthropic_messages", anthropic.messages, {"model": "demo-signed", "max_tokens": 4000, **_CHAT, "thinking": {"type": "adaptive"}}),
    Case(
        "openai_responses",
        Responses().create,
        {"model": "demo-signed", "stream": True, "input": SAID, "reasoning": {"summary": "auto"}}
        | {"include": ["reasoning.encrypted_content"]},
    ),
)


def shaper(case: Case, plan: Plan) -> Shaper:
    dialect = next(each for each in CATALOGUE if each.name == case.dialect)
    binder = Binder(KeyedSeal(Keyring(b"bench" * 8)), Binding(on=plan.bind), "o:bench", "bench", str(case.body["model"]), 1e9)
    answer = ANSWERS[case.dialect](plan, binder, "anchor") if plan.reshapes else None
    return Shaper(dialect, plan, Tally(), answer)


def timed(case: Case, plan: Plan, frames: Iterable[bytes]) -> float:
    """Seconds for one stream."""
    one = shaper(case, plan)
    began = time.perf_counter()
    for frame in frames:
        one.feed(frame)
    one.close()
    return time.perf_counter() - began


def memory(case: Case, plan: Plan, frames: Iterable[bytes]) -> int:
    """Most bytes that shaping one stream keeps."""
    tracemalloc.start()
    try:
        one = shaper(case, plan)
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for frame in frames:
            one.feed(frame)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def report() -> dict[str, float]:
    """Prints a table; the figures by name."""
    print(f"shaping alone: processor time per event (µs, least of {ROUNDS} rounds) and memory per stream (KiB)")
    figures = {}
    for case in CASES:
        frames = case.frames()
        best = dict.fromkeys(PLANS, float("inf"))
        for _ in range(ROUNDS):
            for name, plan in PLANS.items():
                best[name] = min(best[name], timed(case, plan, frames))
        told = []
        for name, plan in PLANS.items():
            each, kept = best[name] / len(frames) * 1e6, memory(case, plan, frames) / 1024
            figures[f"us_per_event {case.dialect} {case.body['model']} {name}"] = round(each, 2)
            told.append(f"{name} {each:5.1f} µs {kept:5.0f} KiB")
        print(f"  {case.dialect:<19}{case.body['model']!s:<14}{len(frames):>5} events   " + "   ".join(told))
    return figures


if __name__ == "__main__":
    report()
