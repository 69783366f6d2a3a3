"""API keys of our own: what is kept of one. The key itself is shown once and never stored.

A key is `sg-` and 43 characters of base64url (256 random bits), so that its plain SHA-256 is safe to store: there is
nothing to guess. `digest` is that hash in hex; `id` is what people and logs call the key.
"""

from dataclasses import dataclass

from proxy.core.facts import Account

PREFIX = "sg-"


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One API key as the store keeps it."""

    id: str
    """`key_…`, shown in lists and logs."""
    digest: str
    account: str
    organization: str = ""
    """"" means: the account is its own organization."""
    tier: str = ""
    name: str = ""
    """What the owner calls it."""
    issued: float = 0.0
    expires: float | None = None
    """No longer valid from then on: an end date, or the end of a rotation's grace period."""
    revoked: bool = False
    replaced_by: str = ""
    """Id of the key that a rotation put in its place."""
    created: float | None = None
    """When the account was opened; with the next three, facts that the operator's account system knows."""
    verified: bool = False
    programme: str = ""
    payment: str = ""

    def valid(self, at: float) -> bool:
        return not self.revoked and (self.expires is None or at < self.expires)

    def holder(self) -> Account:
        """The account that this key speaks for."""
        return Account(
            id=self.account,
            organization=self.organization or self.account,
            tier=self.tier,
            key=self.id,
            created=self.created,
            verified=self.verified,
            programme=self.programme,
            payment=self.payment,
            source="keys",
        )
