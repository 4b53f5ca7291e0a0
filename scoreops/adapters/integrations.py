"""Who is told of a run, and which BI tools read its tables: one YAML file, in which no secret may stand.

Where a secret is needed the file names the environment variable that holds it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scoreops.core.errors import BadInput

Event = Literal["succeeded", "refused", "failed"]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
_SECRET: Final = ("password", "token", "secret", "key", "api_key")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Channel(_Part):
    on: tuple[Event, ...] = Field(("succeeded", "refused", "failed"), description="Which ends of a run are told.")


class WebhookChannel(_Channel):
    """A POST of the message as JSON; with a secret it is signed (X-ScoreOps-Signature: sha256=HMAC of the body)."""

    kind: Literal["webhook"]
    url: str = Field("", description="Where to; or `url_env`, if the address itself is a secret.")
    url_env: VariableName | None = None
    secret_env: VariableName | None = None


class SlackChannel(_Channel):
    """A POST in the format of Slack's incoming webhooks, whose address is a secret."""

    kind: Literal["slack"]
    url_env: VariableName


class EmailChannel(_Channel):
    """A mail by SMTP; STARTTLS unless it is switched off, which a login does not allow."""

    kind: Literal["email"]
    host: str
    port: int = Field(587, ge=1, le=65_535)
    starttls: bool = True
    ca_file: Path | None = Field(None, description="Certificates to trust in place of the system's.")
    sender: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    to: tuple[Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")], ...] = Field(min_length=1)
    user: str = ""
    password_env: VariableName | None = None


class MetabaseTool(_Part):
    """A Metabase, and the numbers of its databases that read our tables."""

    url: str
    key_env: VariableName = Field(description="Environment variable with an API key of Metabase.")
    databases: tuple[int, ...] = Field(min_length=1)


Channel = Annotated[WebhookChannel | SlackChannel | EmailChannel, Field(discriminator="kind")]


class Integrations(_Part):
    """Everything outside that hears of a run."""

    channels: tuple[Channel, ...] = ()
    metabase: MetabaseTool | None = None


def read_integrations(file: Path | None) -> Integrations:
    """The integrations of a file; none without one. Raises BadInput with the place of the first thing that is wrong."""
    if file is None:
        return Integrations()
    try:
        found = yaml.safe_load(file.read_text())
        return Integrations.model_validate(found or {})
    except (OSError, yaml.YAMLError) as error:
        raise BadInput(f"cannot be read: {error}", str(file)) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where, name = ".".join(map(str, first["loc"])), str(first["loc"][-1]) if first["loc"] else ""
        said = f"no secret may stand here; write {name}_env and a variable's name" if name in _SECRET else first["msg"]
        raise BadInput(said, f"{file}: {where}") from error


def secret(variable: str) -> str:
    """What an environment variable holds. Raises BadInput where it is not set."""
    value = os.environ.get(variable, "")
    if not value:
        raise BadInput("is not set in the environment", variable)
    return value
