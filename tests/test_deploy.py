"""What is said outside the code is true: the image and the compose file as far as they can be read, and every line of the README."""

import ast
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from proxy.app import admin, tally
from proxy.cli import cli
from proxy.config.model_verification import VerificationSettings
from proxy.config.policy import compile_text
from proxy.config.settings import Settings, load
from proxy.config.settings_sources import PREFIX, SECRET, SHORTHAND
from proxy.core.enforcement import Reason
from proxy.core.ladder import Rung
from proxy.telemetry.instruments import COUNTERS
from proxy.verification.webhook import read

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE_TEXT = (ROOT / "deploy" / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
GATEWAYS = ("gateway-1", "gateway-2")

VARIABLES = {PREFIX + name.upper() for name in (*Settings.model_fields, *SHORTHAND, "settings")}
VARIABLES |= {f"{PREFIX}{name.upper()}_FILE" for name in SECRET}


def parses(words: list[str]) -> None:
    """Would `stillgate WORDS…` be understood? Nothing is run. Raises `click.UsageError`."""
    command: click.Command = cli
    context: click.Context | None = None
    while True:
        own, rest = _own_part(command, words)
        context = command.make_context(command.name, own, parent=context)
        if not isinstance(command, click.Group):
            return
        _, found, words = command.resolve_command(context, rest)
        assert found is not None
        command = found


def _own_part(command: click.Command, words: list[str]) -> tuple[list[str], list[str]]:
    """A group's own options, and what is left for its command."""
    if not isinstance(command, click.Group):
        return words, []
    place = next(place for place, word in enumerate(words) if word in command.list_commands(click.Context(command)))
    return words[: place + 1], words[place:]


def instructions(name: str = "") -> list[tuple[str, list[str]]]:
    """The Dockerfile's instructions, lines that are continued joined."""
    lines = [line.partition(" ") for line in DOCKERFILE.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    return [(word, shlex.split(rest)) for word, _, rest in lines if not name or word == name]


def routes() -> set[str]:
    """Paths that the admin port answers."""
    return set(re.findall(r'add_get\("(/[a-z/]+)"', Path(admin.__file__).read_text()))


# The image


def test_the_image_has_two_stages_and_its_last_one_is_not_root_s() -> None:
    stages = [words for _, words in instructions("FROM")]
    assert stages[0][1:] == ["AS", "build"]
    assert len(stages) == 2
    last = instructions()[[word for word, _ in instructions()].index("FROM", 1) :]
    (user,) = [words for word, words in last if word == "USER"]
    assert user[0].isdecimal(), "a number, so that an orchestrator can see that it is not root"
    assert int(user[0]) > 0
    assert [words[0] for word, words in last if word == "COPY"] == ["--from=build"]


def test_what_is_copied_into_the_image_is_there_and_not_ignored() -> None:
    allowed = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    sources = [source for _, words in instructions("COPY") if not words[0].startswith("--") for source in words[:-1]]
    assert sources
    for source in sources:
        path = source.removeprefix("./")
        assert (ROOT / path).exists(), path
        assert path in allowed, f"{path} is kept out by .dockerignore"
    assert {path for path in allowed if not (ROOT / path).exists()} == set()


def test_the_image_s_uv_is_the_one_of_dev() -> None:
    (version,) = re.findall(r"^UV_VERSION=(\S+)$", (ROOT / "dev").read_text(), re.MULTILINE)
    assert f"uv=={version}" in DOCKERFILE


def test_the_image_s_environment_is_real_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    given = dict(word.split("=", 1) for _, words in instructions("ENV") for word in words if word.startswith(PREFIX))
    assert given.keys() <= VARIABLES
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = load({})
    ports = {int(address.rpartition(":")[2]) for address in (settings.listen, settings.admin)}
    assert {int(port) for _, words in instructions("EXPOSE") for port in words} == ports
    assert (settings.listen, settings.admin) == ("0.0.0.0:8080", "0.0.0.0:8081")
    assert [str(settings.state_dir)] in [words for _, words in instructions("VOLUME")]


def test_the_image_starts_a_command_that_is_there() -> None:
    (entry,), (command,) = [re.findall(rf"^{word} (\[.*\])$", DOCKERFILE, re.MULTILINE) for word in ("ENTRYPOINT", "CMD")]
    assert ast.literal_eval(entry) == ["stillgate"]
    parses(ast.literal_eval(command))


def test_the_image_s_health_check_asks_a_path_that_is_answered() -> None:
    (found,) = re.findall(r"HEALTHCHECK.*?CMD (\[.*?\])$", DOCKERFILE, re.MULTILINE | re.DOTALL)
    *_, code = ast.literal_eval(found)
    compile(code, "HEALTHCHECK", "exec")
    (address,) = re.findall(r"http://127\.0\.0\.1:8081(/[a-z/]*)", code)
    assert address in routes()


# The compose file


@pytest.mark.parametrize("name", GATEWAYS)
def test_a_gateway_s_command_and_environment_are_understood(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    service = COMPOSE["services"][name]
    parses(service["command"])
    assert {variable for variable in service["environment"] if variable.startswith(PREFIX)} <= VARIABLES
    for variable, value in service["environment"].items():
        monkeypatch.setenv(variable, re.sub(r"\$\{\w+:?[?-][^}]*\}", "", value) or ("http://model" if "UPSTREAM" in variable else ""))
    settings = load({})
    assert settings.store == "redis://valkey:6379/0"
    assert settings.drain < _seconds(service["stop_grace_period"]), "the engine kills while answers still run"


@pytest.mark.parametrize("name", GATEWAYS)
def test_a_gateway_is_shut_in(name: str) -> None:
    service = COMPOSE["services"][name]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert "no-new-privileges:true" in service["security_opt"]
    admin_ports = [port for port in service["ports"] if port.endswith(":8081")]
    assert admin_ports
    assert all(port.startswith("127.0.0.1:") for port in admin_ports), "the admin port is not for everybody"
    assert "/var/lib/stillgate" in {volume.split(":")[1] for volume in service["volumes"]}, "its state could not be written"


@pytest.mark.parametrize("name", GATEWAYS)
def test_a_gateway_s_policy_is_mounted_as_a_folder_so_that_a_change_is_seen(name: str) -> None:
    """A file that is mounted by itself stays what it was when an editor replaces it."""
    service = COMPOSE["services"][name]
    policy = Path(service["command"][service["command"].index("--policy") + 1])
    mounts = [volume.split(":") for volume in service["volumes"] if volume.startswith(".")]
    source = next(ROOT / "deploy" / mount[0] for mount in mounts if mount[1] == str(policy.parent) and mount[2] == "ro")
    assert (source / policy.name).is_file()


def test_two_gateways_share_one_store_that_keeps_what_it_knows() -> None:
    services = COMPOSE["services"]
    assert set(services) == {*GATEWAYS, "valkey"}
    assert all(services[name]["depends_on"] == {"valkey": {"condition": "service_healthy"}} for name in GATEWAYS)
    assert len({port.split(":")[-2] for name in GATEWAYS for port in services[name]["ports"]}) == 4
    valkey = services["valkey"]
    assert valkey["healthcheck"]["test"]
    assert {"--appendonly", "noeviction"} <= set(valkey["command"])
    named = {volume.split(":")[0] for service in services.values() for volume in service["volumes"] if not volume.startswith(".")}
    assert named == set(COMPOSE["volumes"])
    assert (ROOT / "deploy" / services["gateway-1"]["build"]["context"] / "Dockerfile").is_file()


def _seconds(text: str) -> int:
    match = re.fullmatch(r"(\d+)s", text)
    assert match is not None
    return int(match[1])


# What is said


def said(text: str, program: str) -> list[list[str]]:
    """Every use of a program in a document: lines of shell and what stands in backticks, without comments."""
    shell = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    comments = re.findall(r"^#.*?:?\s((?:docker compose .*? )?stillgate .*)$", text, re.MULTILINE)
    uses = [re.sub(rf"^docker compose .*? (?={program})", "", use.strip()) for use in (*shell, *spans, *comments)]
    words = [shlex.split(use, comments=True) for use in uses if use.startswith(program + " ")]
    return [[word for word in use[1:] if word != "…"] for use in words]


@pytest.mark.parametrize("use", [*said(README, "stillgate"), *said(COMPOSE_TEXT, "stillgate")], ids=" ".join)
def test_every_command_that_is_named_is_understood(use: list[str]) -> None:
    if "--help" in use:
        with pytest.raises(click.exceptions.Exit):
            parses(use)
    else:
        parses(use)


@pytest.mark.parametrize("use", said(README, "./dev"), ids=" ".join)
def test_every_command_of_dev_that_is_named_is_there(use: list[str]) -> None:
    arms = re.findall(r"^ {2}(\w+)\)", (ROOT / "dev").read_text(), re.MULTILINE)
    assert use[0] in arms
    if use[0] == "run":
        parses(["serve", "--demo", *use[1:]])


def test_enough_was_looked_at() -> None:
    assert len(said(README, "stillgate")) >= 8
    assert len(said(README, "./dev")) >= 5
    assert said(COMPOSE_TEXT, "stillgate") == [["keys", "create", "--account", "demo", "--tier", "team"]]


@pytest.mark.parametrize("document", ["README.md", "deploy/compose.yaml", "Dockerfile"])
def test_every_variable_that_is_named_is_a_setting(document: str) -> None:
    assert set(re.findall(r"\bSTILLGATE_[A-Z_]+", (ROOT / document).read_text())) <= VARIABLES


def test_every_flag_that_is_named_is_one() -> None:
    flags = {option for command in ("serve", "keys", "status", "check", "schema") for option in _options(command)}
    named = set(re.findall(r"`(--[a-z-]+)", README))
    assert named
    assert named <= flags


def _options(name: str) -> set[str]:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    return {option for parameter in command.params for option in parameter.opts}


@pytest.mark.parametrize("number", range(README.count("```yaml")))
def test_every_policy_that_is_shown_is_good(number: int) -> None:
    text = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)[number]
    policy = compile_text(text, str(ROOT / "shown.yaml"))
    assert policy.notes == ()


def test_the_example_ladder_does_what_the_commands_below_it_show() -> None:
    texts = [text for text in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL) if "ladder:" in text]
    policies = [compile_text(text) for text in texts]
    rungs = {Rung[use[3].upper()] for use in said(README, "stillgate") if use[:2] == ["accounts", "set-rung"]}
    assert policies
    assert rungs
    for policy in policies:
        assert policy.contact
        assert all(policy.ladder.rule(rung).enforce and policy.ladder.rule(rung).measures for rung in rungs)


def test_every_program_that_is_shown_is_one() -> None:
    programs = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert programs
    for text in programs:
        compile(text, "README.md", "exec")


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!https?:)([^)#]+)\)", README))))
def test_every_link_leads_somewhere(target: str) -> None:
    assert (ROOT / target).exists()


def test_the_table_of_answers_has_every_reason_and_no_other() -> None:
    rows = re.findall(r"^\| (\d{3} `.*?) \|", README, re.MULTILINE)
    assert {code for row in rows for code in re.findall(r"\d{3} `(\w+)`", row)} == {reason.value for reason in Reason}


def test_the_paths_of_the_admin_port_are_those_that_are_named() -> None:
    (sentence,) = re.findall(r"admin port.*?answers(.*?);", README, re.DOTALL)
    assert set(re.findall(r"`(/[a-z/]+)`", sentence)) == routes()


def test_the_example_of_a_settings_file_is_one() -> None:
    found = load({"settings_file": str(ROOT / "deploy" / "settings.yaml")})
    assert [bool(upstream.api_key.get_secret_value()) for upstream in found.upstreams] == [True] * 3
    assert found.verification == VerificationSettings()


def test_what_stands_in_comments_of_the_example_would_be_taken(tmp_path: Path) -> None:
    text = (ROOT / "deploy" / "settings.yaml").read_text()
    (tmp_path / "settings.yaml").write_text(re.sub(r"^# (?=seal_keys:|verification:|  )", "", text, flags=re.MULTILINE))
    found = load({"settings_file": str(tmp_path / "settings.yaml")})
    assert found.seal_keys is not None
    given = found.verification
    assert all((given.url, given.webhook_secrets, given.oidc, given.workload))


def test_what_is_said_of_metrics_and_messages_is_so() -> None:
    named = set(re.findall(r"`(stillgate_\w+_total)`", README))
    assert named - {tally.NAME}
    assert named <= {tally.NAME, *(f"stillgate_{row.key}_total" for row in COUNTERS)}
    (example,) = re.findall(r"^(\{\"account\".*?\}) +or", README, re.MULTILINE)
    assert read(example.encode()).verified
