"""A `Prompt` as the body that a client of each dialect sends."""

import json
from collections.abc import Iterator
from typing import Any

from bench.campaigns.prompt import Message, Prompt, Tool

Body = dict[str, Any]

BUDGET = {"low": 2048, "medium": 8192, "high": 16384}
ANTHROPIC_CAP = 4096
"""Where the client names none: that dialect needs one."""


def body(dialect: str, model: str, prompt: Prompt) -> Body:
    """The JSON body of the request."""
    return {"model": model, **_WRITERS[dialect](prompt)}


def _chat(prompt: Prompt) -> Body:
    manner, system = prompt.manner, [{"role": "system", "content": prompt.system}] if prompt.system else []
    found: Body = {"messages": system + [_chat_message(message) for message in prompt.messages]}
    if prompt.tools:
        found["tools"] = [{"type": "function", "function": _function(tool)} for tool in prompt.tools]
    if manner.cap:
        found["max_completion_tokens" if manner.effort else "max_tokens"] = manner.cap
    if manner.effort:
        found["reasoning_effort"] = manner.effort
    if manner.top:
        found |= {"logprobs": True, "top_logprobs": manner.top}
    if manner.bias:
        found["logit_bias"] = {str(token): bias for token, bias in manner.bias}
    if manner.stream:
        found |= {"stream": True, "stream_options": {"include_usage": True}}
    return found | _sampling(prompt)


def _sampling(prompt: Prompt) -> Body:
    manner = prompt.manner
    found: Body = {}
    if manner.temperature is not None and not manner.effort:
        found["temperature"] = manner.temperature
    if manner.seed is not None:
        found["seed"] = manner.seed
    return found


def _function(tool: Tool) -> Body:
    return {"name": tool.name, "description": tool.about, "parameters": _schema(tool)}


def _schema(tool: Tool) -> Body:
    return {"type": "object", "properties": {name: {"type": "string"} for name in tool.arguments}, "required": [tool.arguments[0]]}


def _argument(prompt_tool: str, text: str) -> str:
    return json.dumps({prompt_tool.rpartition("_")[2]: text})


def _chat_message(message: Message) -> Body:
    match message.role:
        case "call":
            call = {"name": message.tool, "arguments": _argument(message.tool, message.text)}
            return {"role": "assistant", "content": None, "tool_calls": [{"id": message.id, "type": "function", "function": call}]}
        case "result":
            return {"role": "tool", "tool_call_id": message.id, "content": message.text}
        case role:
            return {"role": role, "content": message.text}


def _messages(prompt: Prompt) -> Body:
    manner = prompt.manner
    found: Body = {"max_tokens": manner.cap or ANTHROPIC_CAP, "messages": [_anthropic_message(message) for message in prompt.messages]}
    if prompt.system:
        found["system"] = prompt.system
    if prompt.tools:
        found["tools"] = [{"name": tool.name, "description": tool.about, "input_schema": _schema(tool)} for tool in prompt.tools]
    if manner.effort:
        budget = BUDGET[manner.effort]
        found |= {"thinking": {"type": "enabled", "budget_tokens": budget}, "max_tokens": budget + found["max_tokens"]}
    elif manner.temperature is not None:
        found["temperature"] = manner.temperature
    if manner.stream:
        found["stream"] = True
    return found


def _anthropic_message(message: Message) -> Body:
    match message.role:
        case "call":
            given = json.loads(_argument(message.tool, message.text))
            return {"role": "assistant", "content": [{"type": "tool_use", "id": message.id, "name": message.tool, "input": given}]}
        case "result":
            return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": message.id, "content": message.text}]}
        case role:
            return {"role": role, "content": message.text}


def _responses(prompt: Prompt) -> Body:
    manner = prompt.manner
    alone = len(prompt.messages) == 1
    found: Body = {"input": prompt.messages[0].text if alone else list(_items(prompt.messages))}
    if prompt.system:
        found["instructions"] = prompt.system
    if prompt.tools:
        found["tools"] = [{"type": "function", **_function(tool)} for tool in prompt.tools]
    if manner.cap:
        found["max_output_tokens"] = manner.cap
    if manner.effort:
        found["reasoning"] = {"effort": manner.effort}
    if manner.top:
        found |= {"top_logprobs": manner.top, "include": ["message.output_text.logprobs"]}
    if manner.stream:
        found["stream"] = True
    if manner.temperature is not None and not manner.effort:
        found["temperature"] = manner.temperature
    return found


def _items(messages: tuple[Message, ...]) -> Iterator[Body]:
    for message in messages:
        match message.role:
            case "call":
                yield {
                    "type": "function_call",
                    "call_id": message.id,
                    "name": message.tool,
                    "arguments": _argument(message.tool, message.text),
                }
            case "result":
                yield {"type": "function_call_output", "call_id": message.id, "output": message.text}
            case role:
                yield {"role": role, "content": message.text}


_WRITERS = {"openai_chat": _chat, "anthropic_messages": _messages, "openai_responses": _responses}
