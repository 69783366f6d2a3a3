"""The catalogue of signals. A new one is one file here, one line below, and one line in `core.risk.SIGNALS`."""

from proxy.learning.signals.base import Signal
from proxy.learning.signals.cap_seeking import CapSeeking
from proxy.learning.signals.coverage_without_conversation import CoverageWithoutConversation
from proxy.learning.signals.forced_reasoning_tools import ForcedReasoningTools
from proxy.learning.signals.foreign_reasoning import ForeignReasoning
from proxy.learning.signals.logit_sweep import LogitSweep
from proxy.learning.signals.reasoning_harvest import ReasoningHarvest
from proxy.learning.signals.steady_rhythm import SteadyRhythm
from proxy.learning.signals.template_sweep import TemplateSweep

SIGNALS: tuple[Signal, ...] = (
    LogitSweep(), ForeignReasoning(), ReasoningHarvest(), TemplateSweep(), CoverageWithoutConversation(), ForcedReasoningTools(),
    CapSeeking(), SteadyRhythm(),
)  # fmt: skip

__all__ = ["SIGNALS", "Signal"]
