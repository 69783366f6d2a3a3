"""One request before it has a wire format: instructions, messages, tools, and how it wants to be answered."""

from dataclasses import dataclass, field
from random import Random


@dataclass(frozen=True, slots=True)
class Message:
    """One message."""

    role: str
    """user | assistant | call | result: the last two are a tool's."""
    text: str
    """Of a call: its one argument."""
    tool: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as its product describes it."""

    name: str
    about: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Manner:
    """Parameters of a request."""

    cap: int | None = None
    temperature: float | None = None
    effort: str = ""
    """low | medium | high: asks for reasoning; "" does not."""
    stream: bool = False
    bias: tuple[tuple[int, int], ...] = ()
    """Token id and bias."""
    top: int = 0
    """Log probabilities of so many alternatives; 0: none."""
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked, and how much comes back."""

    messages: tuple[Message, ...]
    system: str = ""
    tools: tuple[Tool, ...] = ()
    manner: Manner = field(default_factory=Manner)
    output: int = 100
    """Tokens of the answer, reasoning included."""
    reasoning: int = 0

    @property
    def size(self) -> int:
        """Input tokens, at four characters each."""
        said = sum(len(message.text) + 12 for message in self.messages)
        known = sum(len(tool.about) + 20 * len(tool.arguments) for tool in self.tools)
        return (said + known + len(self.system)) // 4 + 7


def long(rng: Random, median: float, sigma: float = 0.8, most: int = 16_000) -> int:
    """A log-normal length."""
    return max(1, min(most, round(median * rng.lognormvariate(0.0, sigma))))
