"""Telling people and programs of the end of a run: by webhook, in Slack's format, by mail."""

from __future__ import annotations

import hashlib
import hmac
import json
import smtplib
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from email.message import EmailMessage
from email.utils import make_msgid
from typing import Any, Final, assert_never

import httpx

from scoreops.adapters.integrations import Channel, EmailChannel, Event, SlackChannel, WebhookChannel, secret
from scoreops.adapters.retrying import FIRST_WAIT_S, send
from scoreops.core.errors import ScoreOpsError

TIMEOUT_S: Final = 10.0
SIGNATURE: Final = "X-ScoreOps-Signature"
MAX_BLOCK: Final = 2_900
"""Slack refuses a text block of more than 3,000 characters."""
_COLOURS: Final[Mapping[str, str]] = {"succeeded": "#2eb67d", "refused": "#ecb22e", "failed": "#e01e5a"}


@dataclass(frozen=True)
class Message:
    """What is told: how a run ended, a title of one line, a text, figures by name, and where to read more."""

    event: Event
    title: str
    text: str
    figures: Mapping[str, str] = field(default_factory=dict)
    link: str = ""


@dataclass(frozen=True)
class Delivery:
    """Whether a channel took the message; `error` says why not."""

    channel: str
    ok: bool
    error: str = ""


def notify(message: Message, channels: Iterable[Channel], *, first_wait_s: float = FIRST_WAIT_S) -> list[Delivery]:
    """Tell every channel that wants this event. A channel that fails is said, and keeps no other from being told."""
    told = []
    for channel in channels:
        if message.event not in channel.on:
            continue
        try:
            _tell(channel, message, first_wait_s)
        except (ScoreOpsError, OSError, smtplib.SMTPException) as error:
            told.append(Delivery(channel.kind, False, f"{error}" or type(error).__name__))
        else:
            told.append(Delivery(channel.kind, True))
    return told


def _tell(channel: Channel, message: Message, first_wait_s: float) -> None:
    match channel:
        case WebhookChannel():
            url = secret(channel.url_env) if channel.url_env else channel.url
            key = secret(channel.secret_env) if channel.secret_env else ""
            _post(url, json.dumps(asdict(message), ensure_ascii=False), "the webhook", key, first_wait_s)
        case SlackChannel():
            _post(secret(channel.url_env), json.dumps(slack_body(message)), "Slack", "", first_wait_s)
        case EmailChannel():
            _mail(channel, message)
        case _:
            assert_never(channel)


def _post(url: str, body: str, who: str, key: str, first_wait_s: float) -> None:
    headers = {"Content-Type": "application/json"}
    if key:
        headers[SIGNATURE] = f"sha256={signature(key, body.encode())}"
    with httpx.Client(timeout=TIMEOUT_S) as client:
        send(lambda: client.post(url, content=body.encode(), headers=headers), who, first_wait_s=first_wait_s)


def signature(key: str, body: bytes) -> str:
    """Hex HMAC-SHA256 of a body, for the receiver to compare."""
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def slack_body(message: Message) -> dict[str, Any]:
    """The message as Slack's incoming webhooks take it: a fallback text, and blocks beside a bar of colour."""
    blocks: list[dict[str, Any]] = [_block(f"*{_escaped(message.title)}*\n{_escaped(message.text)}")]
    if message.figures:
        blocks.append(_block("\n".join(f"*{_escaped(k)}*: {_escaped(v)}" for k, v in message.figures.items())))
    if message.link:
        blocks.append(_block(f"<{_escaped(message.link)}|report>" if "://" in message.link else _escaped(message.link)))
    return {"text": message.title, "attachments": [{"color": _COLOURS[message.event], "blocks": blocks}]}


def _block(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:MAX_BLOCK]}}


def _escaped(text: str) -> str:
    """The three characters that Slack gives a meaning."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _mail(channel: EmailChannel, message: Message) -> None:
    made = EmailMessage()
    made["Subject"] = " ".join(message.title.split())
    made["From"], made["To"] = channel.sender, ", ".join(channel.to)
    made["Message-ID"] = make_msgid(domain=channel.sender.partition("@")[2])
    figures = "\n".join(f"{name}: {value}" for name, value in message.figures.items())
    made.set_content("\n\n".join(part for part in (message.text, figures, message.link) if part) + "\n")
    with smtplib.SMTP(channel.host, channel.port, timeout=TIMEOUT_S) as server:
        if channel.starttls:
            server.starttls(context=ssl.create_default_context(cafile=channel.ca_file))
        if channel.password_env:
            if not channel.starttls:
                raise smtplib.SMTPException("a login without STARTTLS would show the password to the network")
            server.login(channel.user, secret(channel.password_env))
        server.send_message(made)
