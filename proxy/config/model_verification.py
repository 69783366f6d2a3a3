"""`verification` in the settings file: where an account's owner shows who they are, and by which ways.

Rule: a secret may be given as `<name>_file`, the path of a file that holds it. It is read once, here.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from proxy.config.fields import listed

LARGEST_SECRET = 1 << 14
"""Bytes of a file that holds one."""

SHORTEST_SECRET = 16
"""Characters of a secret that signs."""


def _line(value: str) -> str:
    if re.search(r"[\x00-\x1f\x7f-\x9f]", value):
        raise ValueError("holds a line break or another control character")
    return value


Text = Annotated[str, AfterValidator(_line), Field(min_length=1, max_length=1000)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(listed), Field(min_length=1)]
Accounts = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]


def _issuer(value: str) -> str:
    """An address. Its last `/` counts: an issuer's name must be what its tokens say."""
    if not re.fullmatch(r"https?://[^\s?#@/]+(/[^\s?#@]*)?", value):
        raise ValueError("must be a URL that begins with https://, without credentials, query or fragment")
    return value


def _base(value: str) -> str:
    return _issuer(value).rstrip("/") if value else ""


def _long_enough(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < SHORTEST_SECRET:
        raise ValueError(f"must have at least {SHORTEST_SECRET} characters")
    return value


WebhookSecret = Annotated[SecretStr, AfterValidator(_long_enough)]
Url = Annotated[str, AfterValidator(_issuer)]
BaseUrl = Annotated[str, AfterValidator(_base)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _from_file(name: str, read: Callable[[str], Any] = lambda text: text) -> Callable[[Any], Any]:
    """Gives the key `name` what the file under `<name>_file` holds."""

    def given(data: Any) -> Any:
        if not isinstance(data, dict) or f"{name}_file" not in data:
            return data
        if name in data:
            raise ValueError(f"{name} and {name}_file say the same; keep one")
        rest = {key: value for key, value in data.items() if key != f"{name}_file"}
        return rest | {name: read(_secret(data[f"{name}_file"], name))}

    return given


def _secret(path: object, name: str) -> str:
    """The message leaves the path out: the secret itself may stand where its file should."""
    try:
        with Path(str(path)).expanduser().open(encoding="utf-8") as file:
            text = file.read(LARGEST_SECRET).strip()
    except (OSError, ValueError, RuntimeError):
        raise ValueError(f"{name}_file cannot be read") from None
    if not text:
        raise ValueError(f"{name}_file is empty")
    return text


class OidcSettings(_Part):
    """Login with an identity provider (OpenID Connect)."""

    issuer: Url
    """As its discovery document names itself."""
    client_id: Text
    client_secret: SecretStr = SecretStr("")
    """"" for a public client: PKCE is used in any case."""
    scopes: Texts = ("openid",)
    per_identity: Accounts = 3
    """Accounts that one person may verify."""

    _files = model_validator(mode="before")(_from_file("client_secret"))


class WorkloadSettings(_Part):
    """Tokens of a cloud or a build service that say which workload asks."""

    issuer: Url
    jwks_url: Url
    """Where the issuer publishes its keys."""
    audience: Texts
    """What a token must be meant for; one of these."""
    subjects: Texts
    """Patterns of `sub`, such as repo:acme/*:ref:refs/heads/main."""
    identity: Text = "sub"
    """The claim that says whose workload it is; accounts are counted by it."""
    per_identity: Accounts = 3


class VerificationSettings(_Part):
    """Where and how accounts are verified. An operator's own decision is always possible."""

    url: BaseUrl = ""
    """What reaches the pages from outside; "" and it is the admin port's own address."""
    webhook_secrets: Annotated[tuple[WebhookSecret, ...], BeforeValidator(listed)] = ()
    """Of signed messages that say who was verified; several while one is replaced."""
    oidc: OidcSettings | None = None
    workload: Annotated[tuple[WorkloadSettings, ...], BeforeValidator(listed)] = ()

    _files = model_validator(mode="before")(_from_file("webhook_secrets", str.split))


PARTS: tuple[type[BaseModel], ...] = (VerificationSettings, OidcSettings, WorkloadSettings)
"""Their keys may be named in messages."""


class _Addressed(Protocol):
    """Settings, as far as an address is made of them."""

    @property
    def admin(self) -> str: ...

    @property
    def verification(self) -> VerificationSettings: ...


def verification_base(settings: _Addressed) -> str:
    """What every address of a verification page begins with."""
    return settings.verification.url or f"http://{settings.admin}"


def verification_url(settings: _Addressed, link: str) -> str:
    """The page of a link."""
    return f"{verification_base(settings)}/verify/{link}"
