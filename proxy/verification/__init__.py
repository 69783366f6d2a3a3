"""Verification: the page of a link, and the ways to clear an account. A new way is one new file here, and one line below."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from proxy.verification.base import Tools, Way
from proxy.verification.oidc import Oidc
from proxy.verification.operator import Operator
from proxy.verification.site import Verification
from proxy.verification.webhook import Webhook
from proxy.verification.workload import Workload

WAYS: Mapping[str, Callable[[Tools], Way]] = MappingProxyType(
    {
        "oidc": Oidc,
        "workload": Workload,
        "webhook": Webhook,
        "operator": Operator,
    }
)
"""In the order of the page."""


def open_verification(tools: Tools) -> Verification:
    """All of it. Raises `ConfigError`."""
    return Verification(tools, [make(tools) for make in WAYS.values()])
