"""`verification` in the settings file: what it takes, secrets from files, and that no message shows a value."""

from pathlib import Path

import pytest

from proxy.config.model_verification import verification_base, verification_url
from proxy.config.settings import Settings, load
from proxy.errors import ConfigError

CANARY = "canary-0123456789abcdef"


def loaded(folder: Path, text: str) -> Settings:
    path = folder / "settings.yaml"
    path.write_text(text)
    return load({"settings_file": str(path)})


WHOLE = f"""
verification:
  url: https://verify.example.com/
  webhook_secrets: [{CANARY}-1, {CANARY}-2]
  oidc: {{issuer: https://id.example.com/, client_id: me, client_secret: {CANARY}, scopes: [openid, email]}}
  workload:
    - issuer: "https://token.example.com"
      jwks_url: "https://token.example.com/keys"
      audience: stillgate
      subjects: "repo:acme/*"
      identity: repo
"""


def test_all_of_it(tmp_path: Path) -> None:
    settings = loaded(tmp_path, WHOLE)
    found = settings.verification
    assert [secret.get_secret_value() for secret in found.webhook_secrets] == [f"{CANARY}-1", f"{CANARY}-2"]
    assert found.oidc is not None
    assert (found.oidc.issuer, found.oidc.per_identity, found.oidc.scopes) == ("https://id.example.com/", 3, ("openid", "email"))
    job = found.workload[0]
    assert (job.audience, job.subjects, job.identity) == (("stillgate",), ("repo:acme/*",), "repo")
    assert CANARY not in f"{settings!r} {found!r} {found.oidc!r}"
    assert Settings.from_supervisor(settings.for_worker("unix:///x")).verification == found


def test_addresses_begin_with_what_reaches_the_pages(tmp_path: Path) -> None:
    assert verification_url(loaded(tmp_path, WHOLE), "link") == "https://verify.example.com/verify/link"
    assert verification_url(Settings(admin="127.0.0.1:9"), "link") == "http://127.0.0.1:9/verify/link"
    assert verification_base(loaded(tmp_path, "verification: {url: 'https://x.example.com/gate/'}")) == "https://x.example.com/gate"


def test_secrets_may_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "one").write_text(f"{CANARY}\n")
    (tmp_path / "two").write_text(f"{CANARY}-1\n{CANARY}-2\n")
    oidc = f"{{issuer: https://id.example.com, client_id: me, client_secret_file: '{tmp_path}/one'}}"
    found = loaded(tmp_path, f"verification: {{oidc: {oidc}, webhook_secrets_file: '{tmp_path}/two'}}").verification
    assert found.oidc is not None
    assert found.oidc.client_secret.get_secret_value() == CANARY
    assert [secret.get_secret_value() for secret in found.webhook_secrets] == [f"{CANARY}-1", f"{CANARY}-2"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{urll: x}", "unknown key 'urll'; did you mean 'url'?"),
        ("{oidc: {issuer: https://x, client_id: me, per_identty: 2}}", "verification.oidc: unknown key 'per_identty'"),
        ("{oidc: {issuer: https://x}}", "'client_id' is missing"),
        ("{oidc: {issuer: CANARY, client_id: me}}", "verification.oidc.issuer: must be a URL that begins with https://"),
        ("{oidc: {issuer: 'https://user:CANARY@x', client_id: me}}", "without credentials"),
        ("{oidc: {issuer: https://x, client_id: me, client_secret_file: /CANARY}}", "client_secret_file cannot be read"),
        ("{oidc: {issuer: https://x, client_id: me, client_secret_file: /dev/null}}", "client_secret_file is empty"),
        ("{oidc: {issuer: https://x, client_id: me, client_secret: CANARY, client_secret_file: x}}", "say the same"),
        ("{oidc: {issuer: https://x, client_id: me, per_identity: 0}}", "must be at least 1"),
        ('{oidc: {issuer: https://x, client_id: "CANARY\\n"}}', "control character"),
        ("{webhook_secrets: short}", "must have at least 16 characters"),
        ("{webhook_secrets: []}", ""),
        ("{url: 'https://x/?CANARY'}", "verification.url: must be a URL"),
        ("{workload: [{issuer: https://x, jwks_url: https://x, audience: [], subjects: '*'}]}", "at least one is needed"),
        ("{workload: [{issuer: https://x, jwks_url: https://x, audience: a}]}", "verification.workload[0]"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_without_its_value(tmp_path: Path, text: str, said: str) -> None:
    if not said:
        assert loaded(tmp_path, f"verification: {text}").verification.webhook_secrets == ()
        return
    with pytest.raises(ConfigError) as error:
        loaded(tmp_path, f"verification: {text.replace('CANARY', CANARY)}")
    assert said in str(error.value)
    assert CANARY not in str(error.value)
