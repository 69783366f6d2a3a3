"""Whole conversations as honest clients hold them, one class per dialect: each answer is sent back as its SDK gives it.

What a conversation is made of (`Said`) is what a user notices; what nobody but the provider can read is left out.
"""

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from tests.support.ladder import Caller

WORD: Any = {"type": "object", "properties": {"q": {"type": "string"}}}
NAMES = ("look_up", "weigh")

TALK = (
    "Please use two tools. think 18 words say 8 words",
    "Sum it up. say 9 words think 18 words",
    "Now use a tool. think 16 words say 7 words",
)
"""Parallel calls, an answer, one call; after each call its results, and an answer to them."""

ONE = ("Tell me of ships. say 14 words think 20 words",)


@dataclass(frozen=True)
class Said:
    """One answer, as its caller sees it."""

    text: str
    calls: tuple[tuple[str, str, Any], ...]
    """Id, name, arguments."""
    stop: str
    usage: Any
    thought: str = ""
    """Reasoning, as far as it is shown."""

    @property
    def known(self) -> tuple[Any, ...]:
        """What no rung may change."""
        return self.text, self.calls, self.stop


class Talk:
    """`play` says one thing after the other, and answers every tool call."""

    model: ClassVar[str]
    hidden: ClassVar[Any] = {}
    """What asks the provider itself not to show its reasoning, where it can be asked."""

    def __init__(self, caller: Caller, *, stream: bool, model: str = "", **parts: Any) -> None:
        self.caller = caller
        self.stream = stream
        self.name = model or self.model
        self.parts = parts
        self.history: list[Any] = []
        self.said: list[Said] = []

    async def play(self, lines: tuple[str, ...]) -> list[Said]:
        for line in lines:
            await self.says(line)
        return self.said

    async def says(self, line: str) -> None:
        self.user(line)
        await self.ask()
        if self.said[-1].calls:
            self.results(self.said[-1].calls)
            await self.ask()

    def user(self, line: str) -> None:
        self.history.append({"role": "user", "content": line})

    async def ask(self) -> None:
        """One request; what is said goes into `said` and, as this dialect's clients do, into `history`."""
        raise NotImplementedError

    def results(self, calls: tuple[tuple[str, str, Any], ...]) -> None:
        raise NotImplementedError


class Messages(Talk):
    """Anthropic's."""

    model = "demo-signed"
    tools: ClassVar[Any] = [{"name": name, "input_schema": WORD} for name in NAMES]
    hidden: ClassVar[Any] = {"thinking": {"type": "enabled", "budget_tokens": 1024, "display": "omitted"}}

    async def ask(self) -> None:
        thinking: Any = {"type": "enabled", "budget_tokens": 1024}
        wanted = {"model": self.name, "max_tokens": 4000, "messages": self.history, "tools": self.tools, "thinking": thinking} | self.parts
        if self.stream:
            async with self.caller.anthropic.messages.stream(**wanted) as stream:
                answer: Any = await stream.get_final_message()
        else:
            answer = await self.caller.anthropic.messages.create(**wanted)
        blocks = [block.model_dump(exclude_none=True) for block in answer.content]
        self.history.append({"role": "assistant", "content": blocks})
        text = "".join(block.text for block in answer.content if block.type == "text")
        calls = tuple((block.id, block.name, json.dumps(block.input)) for block in answer.content if block.type == "tool_use")
        thought = "".join(block.thinking for block in answer.content if block.type == "thinking")
        self.said.append(Said(text, calls, answer.stop_reason, answer.usage.model_dump(), thought))

    def results(self, calls: tuple[tuple[str, str, Any], ...]) -> None:
        content = [{"type": "tool_result", "tool_use_id": name, "content": f"found {name}"} for name, _, _ in calls]
        self.history.append({"role": "user", "content": content})


class Chat(Talk):
    """OpenAI's."""

    tools: ClassVar[Any] = [{"type": "function", "function": {"name": name, "parameters": WORD}} for name in NAMES]

    async def ask(self) -> None:
        wanted = {"model": self.name, "messages": self.history, "tools": self.tools} | self.parts
        if self.stream:
            async with self.caller.openai.chat.completions.stream(**wanted, stream_options={"include_usage": True}) as stream:
                answer: Any = await stream.get_final_completion()
        else:
            answer = await self.caller.openai.chat.completions.create(**wanted)
        choice = answer.choices[0]
        self.history.append(choice.message.model_dump(exclude_none=True))
        calls = tuple((call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls or ())
        text, thought = self.parted(choice.message)
        self.said.append(Said(text, calls, choice.finish_reason, answer.usage.model_dump(exclude_none=True), thought))

    def parted(self, message: Any) -> tuple[str, str]:
        extra = message.model_extra or {}
        return message.content or "", extra.get("reasoning_content") or extra.get("reasoning") or ""

    def results(self, calls: tuple[tuple[str, str, Any], ...]) -> None:
        self.history += [{"role": "tool", "tool_call_id": name, "content": f"found {name}"} for name, _, _ in calls]


class DeepSeek(Chat):
    model = "demo-deepseek"


class Vllm(Chat):
    model = "demo-vllm"


class Gemini(Chat):
    model = "demo-gemini"


class Inline(Chat):
    model = "demo-inline"

    def parted(self, message: Any) -> tuple[str, str]:
        return parted(message.content or "")


class Preopened(Inline):
    model = "demo-preopened"


class Responses(Talk):
    """OpenAI's, every item kept by the caller."""

    model = "demo-signed"
    tools: ClassVar[Any] = [{"type": "function", "name": name, "parameters": WORD, "strict": False} for name in NAMES]
    shown: ClassVar[Any] = {"reasoning": {"summary": "auto"}, "include": ["reasoning.encrypted_content"]}
    hidden: ClassVar[Any] = {"reasoning": {"effort": "high"}}

    async def ask(self) -> None:
        wanted = {"model": self.name, "tools": self.tools, "store": False, **self.shown, **self.context()} | self.parts
        if self.stream:
            async with self.caller.openai.responses.stream(**wanted) as stream:
                answer: Any = await stream.get_final_response()
        else:
            answer = await self.caller.openai.responses.create(**wanted)
        self.keep(answer)
        calls = tuple((item.call_id, item.name, item.arguments) for item in answer.output if item.type == "function_call")
        thought = "".join(part.text for item in answer.output if item.type == "reasoning" for part in item.content or item.summary)
        self.said.append(Said(answer.output_text, calls, answer.status, answer.usage.model_dump(), thought))

    def context(self) -> dict[str, Any]:
        return {"input": self.history}

    def keep(self, answer: Any) -> None:
        self.history += [item.model_dump(exclude_none=True) for item in answer.output]

    def results(self, calls: tuple[tuple[str, str, Any], ...]) -> None:
        self.history += [{"type": "function_call_output", "call_id": name, "output": f"found {name}"} for name, _, _ in calls]


class Chained(Responses):
    """The provider keeps the items; the caller names the response before."""

    def __init__(self, caller: Caller, *, stream: bool, model: str = "", **parts: Any) -> None:
        super().__init__(caller, stream=stream, model=model, **parts)
        self.before: str | None = None

    def context(self) -> dict[str, Any]:
        return {"input": self.history, "store": True} | ({"previous_response_id": self.before} if self.before else {})

    def keep(self, answer: Any) -> None:
        self.before = answer.id
        self.history = []


class Open(Responses):
    """Reasoning in plain text."""

    model = "demo-open"
    shown: ClassVar[Any] = {}
    hidden: ClassVar[Any] = {}


class Completions(Talk):
    """OpenAI's oldest: the conversation is one text, and there are no tools."""

    model = "demo-inline"

    async def ask(self) -> None:
        prompt = "\n".join(turn["content"] for turn in self.history)
        wanted = {"model": self.name, "prompt": prompt, "max_tokens": 300} | self.parts
        if self.stream:
            stream = await self.caller.openai.completions.create(**wanted, stream=True, stream_options={"include_usage": True})
            chunks = [chunk async for chunk in stream]
            choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
            content, stop, usage = "".join(choice.text for choice in choices), choices[-1].finish_reason, chunks[-1].usage
        else:
            answer = await self.caller.openai.completions.create(**wanted)
            content, stop, usage = answer.choices[0].text, answer.choices[0].finish_reason, answer.usage
        text, thought = parted(content)
        self.history.append({"role": "assistant", "content": text})
        self.said.append(Said(text, (), stop, usage.model_dump(exclude_none=True), thought))


def parted(content: str) -> tuple[str, str]:
    """(answer, reasoning) of a text that may begin with reasoning."""
    head, closing, rest = content.partition("</think>")
    return (rest.lstrip("\n"), head.removeprefix("<think>").strip()) if closing else (content, "")


KINDS: tuple[type[Talk], ...] = (Messages, Responses, Chained, Open, DeepSeek, Vllm, Gemini, Inline, Preopened, Completions)
