"""What learning costs the gateway: processor time for one exchange's observation, from its body to the bytes in the stream.

Each step is timed by itself, in rounds; the smallest time counts, for noise only adds. `PROMPT` bytes of prose are what the aim of 60 µs
speaks of.
"""

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from proxy.core.facts import Account, Ask, Ending, Outcome, Usage
from proxy.dialects import CATALOGUE, conversation
from proxy.learning import codec
from proxy.learning.observe import Client, Finished, observation, traits
from proxy.learning.sketch import Keyed

PROMPT = 4096
AIM = 60.0
"""Microseconds."""
ROUNDS = 30
TIMES = 50
KEY = Keyed(b"bench" * 8)
ANN = Account("ann", "acme", "free", payment="card-1")
CLIENT = Client("203.0.113.7", "openai-python/3", "", "Host,Accept,Accept-Encoding,Connection,User-Agent,Authorization,Content-Type")
OUTCOME = Outcome(200, Ending.COMPLETE, Usage(1000, 500, reasoning=200), reported=True, ended_at=2.0, response_model="m")


@dataclass(frozen=True)
class Case:
    """One request, in a dialect's words."""

    name: str
    body: bytes

    def ask(self) -> Ask:
        chat = CATALOGUE[0]
        return chat.read(chat.routes[0], self.body)


def prose(size: int, seed: int = 1) -> str:
    """Words that say nothing; every one of them is new."""
    rng = random.Random(seed)
    words = ("".join(rng.choices("etaoinshrdlu", k=rng.randint(2, 9))) for _ in range(size))
    return " ".join(words)[:size]


def chat(name: str, *turns: str, **more: object) -> Case:
    roles = ("user", "assistant")
    messages = [{"role": "system", "content": "be brief"}]
    messages += [{"role": roles[place % 2], "content": turn} for place, turn in enumerate(turns)]
    return Case(name, json.dumps({"model": "m", "max_tokens": 500, "messages": messages, **more}).encode())


def tools(count: int) -> list[object]:
    argument = {"type": "string", "description": prose(80)}
    schema = {"type": "object", "properties": {f"argument_{number}": argument for number in range(6)}}
    return [{"type": "function", "function": {"name": f"tool_{n}", "description": prose(300), "parameters": schema}} for n in range(count)]


CASES = (
    chat("500 bytes", prose(500)),
    chat(f"{PROMPT} bytes", prose(PROMPT)),
    chat("64 KiB", prose(1 << 16)),
    chat("a turn of a conversation of 40", *(prose(400, seed) for seed in range(41))),
    chat("an agent's, with 20 tools", prose(PROMPT), *(prose(800, seed) for seed in range(20)), tools=tools(20)),
)


def least(work: Callable[[], object]) -> float:
    """Microseconds."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(TIMES):
            work()
        best = min(best, (time.perf_counter() - began) / TIMES)
    return best * 1e6


def measured(case: Case) -> tuple[dict[str, float], int]:
    """What each step costs, and the size of what comes of them."""
    ask = case.ask()
    said = conversation.read("openai_chat", case.body)
    shown = traits(said, ask, KEY)
    finished = Finished(1e9, "req_0123456789abcdef", ANN, "openai_chat", ask, CLIENT, OUTCOME)
    seen = observation(shown, finished, KEY)
    costs = {
        "read": least(lambda: conversation.read("openai_chat", case.body)),
        "hashed": least(lambda: traits(said, ask, KEY)),
        "put together": least(lambda: observation(shown, finished, KEY)),
        "encoded": least(lambda: codec.encode(seen)),
    }
    return costs, len(codec.encode(seen))


def report() -> dict[str, float]:
    """Prints a table; the figures by name."""
    print(f"an observation: processor time (µs, least of {ROUNDS} rounds; the aim is {AIM:g} for {PROMPT} bytes), and its size")
    figures = {}
    for case in CASES:
        found, size = measured(case)
        figures[f"us_per_observation {case.name}"] = round(sum(found.values()), 1)
        told = "   ".join(f"{step} {cost:5.1f}" for step, cost in found.items())
        print(f"  {case.name:<32}{sum(found.values()):6.1f} µs   {told}   {size} bytes")
    return figures


if __name__ == "__main__":
    report()
