"""Notifications as real servers receive them: HTTP, Slack's format, SMTP with TLS and a login; and Metabase's API."""

from __future__ import annotations

import json
import ssl
from contextlib import contextmanager
from email import message_from_bytes, policy

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from scoreops.adapters.integrations import Integrations, MetabaseTool, read_integrations
from scoreops.adapters.metabase import refresh
from scoreops.adapters.notify import SIGNATURE, Message, notify, signature, slack_body
from tests.certificates import signed, written
from tests.listening import listening
from tests.tiny_server import free_port

MESSAGE = Message("refused", "sme_daily_etl refused", "test x: 3 rows <fail> & more", {"rows": "1,234"}, "run.html")
QUICK = {"first_wait_s": 0.001}


def channel(**fields):
    return Integrations.model_validate({"channels": [fields]}).channels


class Inbox:
    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - the server's name for it
        self.mails.append(envelope)
        return "250 taken"


@contextmanager
def mail_server(**options):
    inbox = Inbox()
    server = Controller(inbox, hostname="127.0.0.1", port=free_port(), ready_timeout=30, **options)
    inbox.port = server.port
    server.start()
    try:
        yield inbox
    finally:
        server.stop()


def test_a_webhook_gets_the_message_signed(monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", "s3cret")
    with listening(204) as hook:
        (told,) = notify(MESSAGE, channel(kind="webhook", url=f"{hook.url}/ops", secret_env="HOOK_SECRET"))
    assert told.ok, told
    (asked,) = hook.asked
    assert (asked.method, asked.path, asked.headers["Content-Type"]) == ("POST", "/ops", "application/json")
    assert json.loads(asked.body)["title"] == MESSAGE.title
    assert asked.headers[SIGNATURE] == f"sha256={signature('s3cret', asked.body)}"


def test_slack_gets_blocks_in_which_nothing_has_a_meaning_of_its_own(monkeypatch):
    with listening((200, b"ok", {})) as slack:
        monkeypatch.setenv("SLACK_URL", f"{slack.url}/services/T/B/x")
        (told,) = notify(MESSAGE, channel(kind="slack", url_env="SLACK_URL"))
    assert told.ok, told
    body = json.loads(slack.asked[0].body)
    assert body["text"] == MESSAGE.title
    texts = [block["text"]["text"] for block in body["attachments"][0]["blocks"]]
    assert texts[0].endswith("3 rows &lt;fail&gt; &amp; more")
    assert "*rows*: 1,234" in texts
    long = slack_body(Message("failed", "t", "x" * 10_000))
    assert len(long["attachments"][0]["blocks"][0]["text"]["text"]) < 3_000


def test_a_mail_arrives_over_tls_with_a_login(monkeypatch, tmp_path):
    authority = signed("authority", authority=True)
    ca, _ = written(tmp_path, "ca", authority)
    certificate = written(tmp_path, "server", signed("server", authority))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    logins = []

    def login(server, session, envelope, mechanism, data):
        logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"open", handled=False)

    mail = {"kind": "email", "host": "127.0.0.1", "sender": "ops@example.org", "to": ["a@x.org", "b@x.org"]}
    mail |= {"ca_file": str(ca), "user": "ops", "password_env": "MAIL_PASSWORD"}
    with mail_server(tls_context=context, require_starttls=True, authenticator=login) as inbox:
        monkeypatch.setenv("MAIL_PASSWORD", "open")
        (told,) = notify(MESSAGE, channel(**mail, port=inbox.port))
        monkeypatch.setenv("MAIL_PASSWORD", "wrong")
        (refused,) = notify(MESSAGE, channel(**mail, port=inbox.port))
        (distrusted,) = notify(MESSAGE, channel(**mail | {"ca_file": None}, port=inbox.port))
    assert told.ok, told
    assert logins[0] == (b"ops", b"open")
    (envelope,) = inbox.mails
    assert envelope.rcpt_tos == ["a@x.org", "b@x.org"]
    read = message_from_bytes(envelope.content, policy=policy.default)
    assert read["Subject"] == MESSAGE.title
    assert "rows: 1,234" in read.get_content()
    assert not refused.ok
    assert "535" in refused.error
    assert "certificate verify failed" in distrusted.error


def test_no_password_goes_over_a_line_that_is_not_encrypted(monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", "open")
    with mail_server() as inbox:
        mail = {"kind": "email", "host": "127.0.0.1", "port": inbox.port, "sender": "o@x.org", "to": ["a@x.org"]}
        (plain,) = notify(MESSAGE, channel(**mail, starttls=False))
        (told,) = notify(MESSAGE, channel(**mail, starttls=False, user="ops", password_env="MAIL_PASSWORD"))
        (unable,) = notify(MESSAGE, channel(**mail))
    assert plain.ok, plain
    assert len(inbox.mails) == 1
    assert "STARTTLS" in told.error
    assert "STARTTLS" in unable.error


def test_a_busy_receiver_is_asked_again_and_a_channel_that_fails_keeps_no_other_back():
    with listening(503, (429, b"", {"Retry-After": "0"}), 200) as busy, listening((404, b"no such hook", {})) as gone:
        channels = (
            *channel(kind="webhook", url=gone.url),
            *channel(kind="webhook", url="http://127.0.0.1:1/"),
            *channel(kind="webhook", url="nowhere"),
            *channel(kind="slack", url_env="SLACK_URL_THAT_IS_NOT_SET"),
            *channel(kind="webhook", url=busy.url),
        )
        told = notify(MESSAGE, channels, **QUICK)
    assert [each.ok for each in told] == [False, False, False, False, True]
    assert len(busy.asked) == 3
    assert len(gone.asked) == 1
    assert told[0].error == "the webhook refused: 404 no such hook"
    assert "did not answer in 4 attempts" in told[1].error
    assert "address of the webhook" in told[2].error
    assert told[3].error == "SLACK_URL_THAT_IS_NOT_SET: is not set in the environment"


def test_a_channel_hears_of_the_events_that_it_wants():
    with listening() as hook:
        wanted = channel(kind="webhook", url=hook.url, on=["failed"])
        assert notify(MESSAGE, wanted) == []
        assert [told.ok for told in notify(Message("failed", "t", "x"), wanted)] == [True]
    assert len(hook.asked) == 1


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        pytest.param([(200, b'{"status":"ok"}', {})], "", id="ok"),
        pytest.param([(401, b"Unauthenticated", {})], "refused: 401 Unauthenticated", id="no key"),
        pytest.param([(403, b"You don't have permissions to do that.", {})], "refused: 403 You don't", id="no right"),
        pytest.param([(404, b"Not found.", {})], "database 7, refused: 404 Not found.", id="no such database"),
        pytest.param([500, (200, b'{"status":"ok"}', {})], "", id="once broken"),
        pytest.param([500], "did not answer in 4 attempts: status 500", id="broken"),
    ],
)
def test_metabase_syncs_a_database_or_says_why_not(monkeypatch, answers, said):
    monkeypatch.setenv("METABASE_KEY", "mb_1")
    with listening(*answers) as metabase:
        (done,) = refresh(MetabaseTool(url=metabase.url, key_env="METABASE_KEY", databases=(7,)), **QUICK)
    assert done.ok == (not said)
    assert said in done.error
    asked = metabase.asked[0]
    assert (asked.method, asked.path, asked.headers["X-API-Key"]) == ("POST", "/api/database/7/sync_schema", "mb_1")


def test_without_its_key_metabase_is_not_asked():
    with listening() as metabase:
        tool = MetabaseTool(url=metabase.url, key_env="METABASE_KEY_NOT_SET", databases=(1, 2))
        assert [done.error for done in refresh(tool)] == ["METABASE_KEY_NOT_SET: is not set in the environment"] * 2
    assert metabase.asked == []
    assert refresh(None) == []


def test_a_file_of_integrations_is_read_and_a_secret_in_it_is_refused(tmp_path):
    from scoreops.core.errors import BadInput

    file = tmp_path / "integrations.yaml"
    file.write_text(
        "channels:\n- {kind: slack, url_env: SLACK_URL}\nmetabase: {url: 'http://m', key_env: K, databases: [1]}\n"
    )
    assert read_integrations(file).channels[0].kind == "slack"
    assert read_integrations(None) == Integrations()
    for text, said in (
        ("channels: [{kind: email, host: h, sender: a@b, to: [c@d], password: x}]", r"password: no secret may stand"),
        ("channels: [{kind: pigeon}]", "channels.0: Input tag 'pigeon'"),
        ("channels: [", "cannot be read"),
        ("metabase: {url: x, key: k}", "metabase.key"),
    ):
        file.write_text(text)
        with pytest.raises(BadInput, match=said):
            read_integrations(file)
    with pytest.raises(BadInput, match="cannot be read"):
        read_integrations(tmp_path / "none.yaml")
