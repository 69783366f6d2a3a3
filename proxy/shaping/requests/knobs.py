"""The knobs that a policy's `models:` table can list: what a parameter is called, in which dialects, and who knows it.

Where a model's template opens the reasoning's tag (`preopened`), a caller's switch that is listed is also believed: what answers
then is not hidden. So list only what the model obeys.

A knob that is not listed is never added to a request. What a caller sends by itself is lowered whether it is listed or not, but where
a lower value might be refused by a model that takes the higher one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

CHAT, COMPLETIONS, RESPONSES, MESSAGES = "openai_chat", "openai_completions", "openai_responses", "anthropic_messages"


@dataclass(frozen=True, slots=True)
class Knob:
    """One thing that a model may know."""

    dialects: tuple[str, ...]
    parameter: str
    """Where it stands in a request."""
    does: str
    """What listing it allows."""
    source: str


KNOBS: Mapping[str, Knob] = {
    "reasoning_effort": Knob(
        (CHAT,), "reasoning_effort",
        "`effort LEVEL` adds it where the caller says nothing about effort",
        "openai-python types/shared/reasoning_effort.py; vLLM chat_completion/protocol.py; Gemini's OpenAI surface",
    ),
    "effort": Knob(
        (RESPONSES, MESSAGES), "reasoning.effort | output_config.effort",
        "`effort LEVEL` adds it where the caller says nothing about effort",
        "openai-python types/shared_params/reasoning.py; anthropic-sdk-python types/output_config_param.py",
    ),
    "summary": Knob(
        (RESPONSES,), "reasoning.summary",
        "`summary` turns the caller's `detailed` into `concise`, which models before gpt-5 refuse",
        "openai-python types/shared_params/reasoning.py",
    ),
    "display": Knob(
        (MESSAGES,), "thinking.display",
        "`omit` and `summary` add `omitted` and `summarized` where the caller turned thinking on",
        "anthropic-sdk-python types/thinking_config_enabled_param.py, thinking_config_adaptive_param.py",
    ),
    "budget": Knob(
        (MESSAGES,), "thinking.budget_tokens",
        "the model has manual thinking, and so takes `disabled`, which models that only think adaptively refuse: `effort none` may say it",
        "anthropic-sdk-python types/thinking_config_enabled_param.py; platform.claude.com build-with-claude/adaptive-thinking",
    ),
    "enable_thinking": Knob(
        (CHAT,), "chat_template_kwargs.enable_thinking",
        "`effort none` adds `false`; a caller's own, also Qwen's at the top, is turned off in its place",
        "docs.vllm.ai features/reasoning_outputs; SGLang separate_reasoning; Qwen's API reference",
    ),
    "include_reasoning": Knob(
        (CHAT,), "include_reasoning",
        "nothing is added: reasoning must come, to be sealed and to come back; it is hidden in the answer",
        "vLLM chat_completion/protocol.py; openrouter.ai use-cases/reasoning-tokens",
    ),
    "exclude": Knob(
        (CHAT,), "reasoning: {effort, max_tokens, exclude}",
        "the route speaks OpenRouter's `reasoning`: `effort LEVEL` adds its `effort`; `exclude` itself is left to the caller",
        "openrouter.ai use-cases/reasoning-tokens",
    ),
    "thinking_type": Knob(
        (CHAT,), "thinking: {type}",
        "`effort none` adds `disabled`",
        "api-docs.deepseek.com guides/thinking_mode; docs.z.ai guides/capabilities/thinking-mode",
    ),
    "include_thoughts": Knob(
        (CHAT,), "extra_body.google.thinking_config: {include_thoughts, thinking_budget}",
        "the route is Gemini's: `effort LEVEL` adds `thinking_budget` where the caller says nothing about effort",
        "ai.google.dev gemini-api/docs/openai",
    ),
    "max_completion_tokens": Knob(
        (CHAT,), "max_completion_tokens", "a cap adds it where the caller sets none",
        "openai-python types/chat/completion_create_params.py",
    ),
    "max_tokens": Knob(
        (CHAT, COMPLETIONS), "max_tokens", "a cap adds it where the caller sets none; in chat the newer name is preferred",
        "openai-python types/chat/completion_create_params.py, types/completion_create_params.py",
    ),
    "max_output_tokens": Knob(
        (RESPONSES,), "max_output_tokens", "a cap adds it where the caller sets none",
        "openai-python types/responses/response_create_params.py",
    ),
}  # fmt: skip
