"""The catalogue of sanctions. A new sanction is one new file here, and one line below."""

from proxy.core.sanctions.base import Sanction
from proxy.core.sanctions.block import Block
from proxy.core.sanctions.cap_output import CapOutput
from proxy.core.sanctions.delay import Delay
from proxy.core.sanctions.fallback_model import FallbackModel
from proxy.core.sanctions.instruct import Instruct
from proxy.core.sanctions.logprobs import Logprobs
from proxy.core.sanctions.reasoning import Reasoning
from proxy.core.sanctions.single_choice import SingleChoice
from proxy.core.sanctions.throttle import Throttle
from proxy.core.sanctions.verify import Verify

CATALOGUE: dict[str, type[Sanction]] = {
    kind.name: kind for kind in (Throttle, Delay, Verify, Reasoning, Logprobs, CapOutput, SingleChoice, FallbackModel, Instruct, Block)
}
