"""What an operator should know of a gateway's settings and policy together, that neither shows alone."""

from collections.abc import Iterator

from proxy.app import secret
from proxy.config.settings import Settings
from proxy.core.ladder import Rung
from proxy.core.policy import Policy
from proxy.core.shaping import Show

ANYWHERE = ("0.0.0.0:", "[::]:", ":")


def cautions(settings: Settings, policy: Policy, *, embedded: bool) -> Iterator[str]:
    """Sentences for the log."""
    terms = [policy.ladder.rule(rung).terms for rung in Rung]
    if any(each.verify is not None for each in terms) and not settings.verification.url and settings.admin.startswith(ANYWHERE):
        yield (
            "links for verification would name no host, for the admin port listens on every address: set verification.url to the address "
            "under which owners of accounts reach /verify/ (and nothing else of that port)"
        )
    if policy.risk.on and not embedded and not settings.secret.get_secret_value():
        yield (
            "risk is on, and what is learned from is hashed with a secret that was made on this machine: a gateway elsewhere on this store "
            "would hash with another one, and no accounts would be linked between them. Set STILLGATE_SECRET to the same text (16 "
            "characters or more) on every gateway; `stillgate status` shows whether they agree. A single gateway may do without"
        )
    hides = any(each.plan.reasoning.show is not Show.ALL for each in terms) and policy.binding.restore != "never"
    if hides and not embedded and not secret.shared(settings):
        yield (
            "reasoning that is hidden comes back sealed, and other gateways on this store could not open it: give each the same "
            "--seal-keys FILE, or set STILLGATE_SECRET to the same text"
        )
