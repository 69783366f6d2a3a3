"""OpenAI responses. `include: reasoning.encrypted_content` stays, whatever is hidden: tool turns of callers who store nothing need it."""

from typing import ClassVar

from proxy.core.shaping import NO_LOGPROBS, Plan, Show
from proxy.shaping.edit import Object, Raw, closed, maybe_text
from proxy.shaping.requests import caps, members
from proxy.shaping.requests.members import below, there, within

CAPS = ("max_output_tokens",)
LEAST_CAP = 16
"""OpenAI refuses less."""

USUAL = "medium"
"""What most models do when nothing is said."""

SUMMARIES = ("summary", "generate_summary")
SHOWN = "message.output_text.logprobs"
NAMES = frozenset({"model", "instructions", "reasoning", "include", "stream", *members.SHOWS, *members.SPELLS, *CAPS})
"""What is looked at here."""


class ResponsesRequest:
    """`POST /responses`."""

    name: ClassVar[str] = "openai_responses"

    def request(self, body: bytes, plan: Plan) -> bytes:
        return members.shaped(body, plan, STEPS, NAMES)


def show_less(found: Object, plan: Plan) -> None:
    if plan.reasoning.show is Show.OMIT:
        within(found, ("reasoning",), _without_summary)
    elif plan.reasoning.show is Show.SUMMARY and "summary" in plan.knobs.names:
        within(found, ("reasoning",), _with_less_summary)


def _without_summary(reasoning: Object) -> None:
    for name in SUMMARIES:
        reasoning.pop(name, None)


def _with_less_summary(reasoning: Object) -> None:
    for name in SUMMARIES:
        if maybe_text(reasoning.get(name)) == "detailed":
            reasoning[name] = closed("concise")


def lower_effort(found: Object, plan: Plan) -> None:
    level = plan.reasoning.effort
    if not level:
        return
    said = []
    within(found, ("reasoning",), lambda reasoning: said.append(members.lower_effort(reasoning, "effort", level)))
    if not any(said) and "effort" in plan.knobs.names and below(level, USUAL):
        members.put(found, ("reasoning", "effort"), level)


def fewer_logprobs(found: Object, plan: Plan) -> None:
    members.fewer_logprobs(found, plan)
    if plan.logprobs.most == NO_LOGPROBS and there(found, "include"):
        members.edited_items(found, "include", _without_logprobs)


def _without_logprobs(include: list[Raw]) -> list[Raw]:
    return [item for item in include if maybe_text(item) != SHOWN]


def cap(found: Object, plan: Plan) -> None:
    if plan.output_cap is not None:
        caps.cap(found, CAPS, max(LEAST_CAP, plan.output_cap), plan)


def instruct(found: Object, plan: Plan) -> None:
    said = maybe_text(found.get("instructions"))
    if plan.instruct and (said is not None or not there(found, "instructions")):
        members.say(found, "instructions", members.appended(said or "", members.joined(plan)))


STEPS = (members.set_model, fewer_logprobs, show_less, lower_effort, cap, instruct)
