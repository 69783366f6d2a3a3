"""The conversations that callers send back, one file per dialect.

Rule 1: a block is judged by the caller's turn that stands nearest before it, which is what the provider answered when it made it. So
branches, regenerations and histories that lost their beginning stay legal.
Rule 2: how a turn is written does not count: text or a list of one text, marks for a cache, the order of members.
Rule 3: what is taken out takes with it whatever the provider would refuse without it.
"""

from proxy.shaping.base import History
from proxy.shaping.histories.anthropic_messages import MessagesHistory
from proxy.shaping.histories.openai_chat import ChatHistory
from proxy.shaping.histories.openai_completions import CompletionsHistory
from proxy.shaping.histories.openai_responses import ResponsesHistory

CATALOGUE: dict[str, History] = {
    history.name: history for history in (ChatHistory(), CompletionsHistory(), ResponsesHistory(), MessagesHistory())
}
"""By the dialect's name."""
