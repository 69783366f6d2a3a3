"""Log lines: valid JSON or plain words, never a credential, never two lines where one was meant."""

import json
import logging
import os
import subprocess
import sys
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.enforcement import Fault, Reason
from proxy.errors import ConfigError
from proxy.telemetry import TelemetryOptions, open_telemetry
from proxy.telemetry.logs import QUEUE, JsonFormatter, StderrHandler, WordsFormatter, configure, dropped
from proxy.telemetry.redaction import GAP, OTHER, brief, model_name, redact
from tests.support.exchanges import CALLER, begin, refuse
from tests.support.logs import printed

log = logging.getLogger("proxy.test")


def record(message: str, *args: object, fields: dict[str, object] | None = None) -> logging.LogRecord:
    made = logging.LogRecord("proxy.test", logging.INFO, "", 0, message, args, None)
    made.__dict__["fields"] = fields or {}
    return made


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in printed(capsys).splitlines()]


def test_a_refusal_is_one_line_without_the_requests_text(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info")
    telemetry = open_telemetry(TelemetryOptions("1", "worker-0"))
    refuse(telemetry)
    refuse(telemetry, Fault(Reason.MODEL_NOT_ALLOWED, 404, "The model 'SECRET-MODEL' does not exist", "sg_ref1", param="model"))
    first, second = lines(capsys)
    assert first.pop("time")
    assert first == {
        "level": "info", "logger": "proxy.telemetry.spans", "message": "refused", "reference": "sg_ref1",
        "reason": "rate_limit_exceeded", "status": 429, "account": "ann-id", "quota": "tokens/minute",
    }  # fmt: skip
    assert second["reason"] == "model_not_found"
    assert "SECRET-MODEL" not in str(second)


def test_lines_of_an_exchange_carry_its_trace(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info")
    trace = begin(open_telemetry(TelemetryOptions("1", "worker-0")), ("traceparent", CALLER))
    log.warning("inside")
    trace.refused(Fault(Reason.INTERNAL, 500, "", "sg_ref1"))
    assert {line["trace_id"] for line in lines(capsys)} == {"ab" * 16}


def test_configure_may_be_called_again_and_knows_its_levels(capsys: pytest.CaptureFixture[str]) -> None:
    configure("debug")
    configure("WARNING")
    log.info("not shown")
    log.warning("shown once")
    assert [line["message"] for line in lines(capsys)] == ["shown once"]
    with pytest.raises(ConfigError, match="use one of debug, info"):
        configure("loud")


def test_nobody_waits_for_a_reader_that_stalled(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stalled, os.fdopen(reading) as reader:
        monkeypatch.setattr(sys, "stderr", stalled)
        configure("info")
        for number in range(3 * QUEUE):
            log.info("%d %s", number, "x" * 100)
        lost = dropped()
        assert 0 < lost < 2 * QUEUE
        assert b'dropped_total{signal="stderr"} %d' % lost in open_telemetry(TelemetryOptions("1", "worker-0")).exposition()
        written = [json.loads(reader.readline())["message"] for _ in range(3 * QUEUE - lost)]
        assert [int(message.split()[0]) for message in written] == sorted(int(message.split()[0]) for message in written)
        assert json.loads(reader.readline())["message"] == f"{lost} log lines were dropped"
        log.info("and on it goes, without sk-abcdefgh12345")
        assert json.loads(reader.readline())["message"] == f"and on it goes, without {GAP}"


@pytest.mark.slow
def test_a_process_ends_although_nobody_reads_its_lines_and_else_writes_them_all() -> None:
    code = "import logging; from proxy.telemetry.logs import configure; configure('info'); [logging.info('%d', n) for n in range(3000)]"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, stderr=subprocess.PIPE, check=True).stderr.count(b"\n") == 3000
    began = monotonic()
    with subprocess.Popen(command, stderr=subprocess.PIPE) as silent:
        assert silent.wait(20) == 0
    assert monotonic() - began < 15


def test_an_exception_is_shown_without_its_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info")
    try:
        raise ValueError("cannot use sk-abcdefgh12345")
    except ValueError:
        log.exception("failed")
    (line,) = lines(capsys)
    assert "ValueError" in str(line["exception"])
    assert "abcdefgh" not in str(line)


def test_a_terminal_gets_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    configure("info")
    (ours,) = [handler for handler in logging.getLogger().handlers if isinstance(handler, StderrHandler)]
    assert isinstance(ours.formatter, WordsFormatter)
    said = ours.formatter.format(record("refused\n\x1b[31mforged", fields={"reason": "a\r\nb"}))
    assert said.endswith("info     refused??[31mforged  reason=a??b")


@given(st.text(), st.dictionaries(st.text(max_size=5), st.text() | st.integers(-(2**60), 2**60), max_size=3))
def test_any_text_is_one_line_of_json(message: str, fields: dict[str, object]) -> None:
    said = JsonFormatter().format(record("%s", message, fields=fields))
    assert "\n" not in said
    json.loads(said)
    assert "\n" not in WordsFormatter().format(record("%s", message, fields=fields))


def test_what_cannot_be_encoded_is_replaced() -> None:
    assert json.loads(JsonFormatter().format(record("a\udcffb")))["message"] == "a?b"


KEYS = st.text("abcXYZ019_-", min_size=8, max_size=43)
AROUND = st.sampled_from(["", " ", "'", '"', "(", "=", ":", "%20", "\n", "/", ",", ";", "key=", "é"])


@given(
    st.sampled_from(["sg-", "sk-", "Bearer ", "bearer  ", "BEARER\t", "authorization: ", "x-api-key: ", "api_key=", "?key="]),
    KEYS,
    AROUND,
    AROUND,
)
def test_no_credential_survives(kind: str, key: str, before: str, after: str) -> None:
    assert key not in redact(f"{before}{kind}{key}{after}")


@pytest.mark.parametrize(
    "text",
    [
        "{'Authorization': 'Bearer topsecretvalue'}",
        "('x-api-key', 'topsecretvalue')",
        '{"authorization": "Basic topsecretvalue=="}',
        "Authorization: Token topsecretvalue",
        "redis://user:topsecretvalue@host:6379/0",
        "xsk-topsecretvaluetopsecretvaluetopsecretvalue",
        "eyJhbGciOiJub25lIn0.topsecretvalue.sig",
        "GET /v1/models?key=topsecretvalue&x=1",
        "openai-insecure-api-key.sk-topsecretvalue",
    ],
)
def test_credentials_in_their_usual_places(text: str) -> None:
    assert "topsecret" not in redact(text)
    assert GAP in redact(text)


@pytest.mark.parametrize(
    "text", ["reference sg_0123456789abcdef", "a risk-based task-force", "disk-full", "key_4f2a was revoked", "/v1/models"]
)
def test_what_is_no_credential_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("name", ["", "gpt-5.2", "claude-3-5@2024", "ft:small:acme::7q", "org/model-1", "7b", "a" * 100])
def test_a_model_s_name_stays(name: str) -> None:
    assert model_name(name) == name


@pytest.mark.parametrize(
    "name", ["Tell me a story", "a" * 101, "-x", "a\nb", "modèle", "sk-abcdefgh12345", "m:eyJhbGciOi.eyJzdWIi.x", "a\n"]
)
def test_what_no_model_is_called_is_not_shown(name: str) -> None:
    assert model_name(name) == OTHER


@given(st.text(max_size=400), st.integers(1, 200))
def test_brief_is_brief(text: str, most: int) -> None:
    assert len(brief(text, most)) <= most
    brief(text, most).encode()
