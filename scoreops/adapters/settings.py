"""Every setting, as one frozen value that is passed in. Set by environment (`SCOREOPS_...`) or by argument."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from scoreops.core.errors import BadInput

_PREFIX = "SCOREOPS_"


class Settings(BaseSettings):
    """Where the parts of one installation are. The defaults are those of the embedded profile on one machine."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="forbid")

    home: Path = Field(Path(".run"), description="State, logs and secrets of the embedded runtime.")
    port_base: int = Field(15_000, ge=1024, le=60_000, description="Ports of the embedded runtime count from here.")
    host: str = Field("127.0.0.1", description="Address the embedded runtime binds to.")
    kafka: str = Field("", description="Bootstrap servers; empty means the embedded broker.")
    redis: str = Field("", description="redis:// URL of the online store; empty means the embedded Valkey.")
    mlflow: str = Field("", description="Tracking and registry URL; empty means the embedded MLflow.")
    predictor: str = Field("", description="URL of the prediction server; empty means the embedded one.")
    evidence: str = Field("", description="URL of the evidence service; empty means the embedded one.")
    lake: Path | None = Field(None, description="Folder of the lake; empty means HOME/lake.")
    data: Path = Field(Path("../shared/data"), description="Public data sets for tests and benchmarks, if present.")
    api_key: SecretStr | None = Field(None, description="Key of the HTTP doors; empty means one made at first use.")
    world_bank: str = Field("https://api.worldbank.org/v2", description="World Bank API; empty: only the files here.")
    provinces: str = Field("https://provinces.open-api.vn/api", description="Server of provinces; empty likewise.")
    integrations: Path | None = Field(None, description="YAML file that says who is told of a run; no secrets in it.")
    core_hour_price: float = Field(0.0, ge=0, description="Price of one core for one hour, for the cost of a run.")
    gib_hour_price: float = Field(0.0, ge=0, description="Price of one GiB of memory for one hour.")
    price_currency: str = Field("USD", pattern="^[A-Z]{3}$", description="Currency of these prices.")
    pseudonym_key: SecretStr | None = Field(None, description="Key that hashes user ids; empty: made at first use.")

    def model_post_init(self, _context: object, /) -> None:
        known = {f"{_PREFIX}{name}".upper() for name in type(self).model_fields}
        unknown = sorted(name for name in os.environ if name.startswith(_PREFIX) and name not in known)
        if unknown:
            raise BadInput(f"no such setting; known are {', '.join(sorted(known))}", unknown[0])

    def environment(self) -> dict[str, str]:
        """These settings for a child process; secrets travel by their files."""
        values = self.model_dump(exclude={"api_key", "pseudonym_key", "home"}, exclude_none=True)
        return {f"{_PREFIX}{name}".upper(): str(value) for name, value in values.items()} | {
            f"{_PREFIX}HOME": str(self.root)
        }

    @property
    def root(self) -> Path:
        """`home` as an absolute path."""
        return self.home.resolve()

    @property
    def lake_dir(self) -> Path:
        """Folder of the Iceberg tables and their catalogue."""
        return (self.lake or self.root / "lake").resolve()

    @property
    def offline_dir(self) -> Path:
        """Folder of the Parquet files behind Feast's offline store."""
        return self.root / "offline"

    @property
    def landing_dir(self) -> Path:
        """Folder in which each day's files of companies are delivered."""
        return self.root / "sme" / "landing"

    @property
    def splits_dir(self) -> Path:
        """Folder of the splits that the embedded prediction server watches."""
        return self.root / "splits"

    @property
    def rollouts_file(self) -> Path:
        """SQLite file with the rollouts of the embedded profile."""
        return self.root / "rollouts" / "rollouts.db"

    @property
    def kafka_port(self) -> int:
        """Port of the embedded broker; the next one is its controller's."""
        return self.port_base + 92

    @property
    def valkey_port(self) -> int:
        """Port of the embedded Valkey."""
        return self.port_base + 79

    @property
    def mlflow_port(self) -> int:
        """Port of the embedded MLflow."""
        return self.port_base + 50

    @property
    def trino_port(self) -> int:
        """Port of the embedded Trino."""
        return self.port_base + 88

    @property
    def seaweedfs_port(self) -> int:
        """Port of the S3 server that tests start; the next three and all four plus 10,000 are its own."""
        return self.port_base + 60

    @property
    def predictor_port(self) -> int:
        """Port of the prediction server (REST)."""
        return self.port_base + 80

    @property
    def predictor_grpc_port(self) -> int:
        """Port of the prediction server (gRPC)."""
        return self.port_base + 81

    @property
    def evidence_port(self) -> int:
        """Port of the evidence service."""
        return self.port_base + 85

    @property
    def console_port(self) -> int:
        """Port of the REST API for people and programs."""
        return self.port_base + 90

    @property
    def collector_port(self) -> int:
        """Port of the HTTP collector."""
        return self.port_base + 70

    @property
    def kafka_bootstrap(self) -> str:
        """Bootstrap servers of the log."""
        return self.kafka or f"{self.host}:{self.kafka_port}"

    @property
    def redis_url(self) -> str:
        """URL of the online store."""
        return self.redis or f"redis://{self.host}:{self.valkey_port}/0"

    @property
    def mlflow_url(self) -> str:
        """URL of the tracking server and registry."""
        return self.mlflow or f"http://{self.host}:{self.mlflow_port}"

    @property
    def predictor_url(self) -> str:
        """URL of the prediction server."""
        return self.predictor or f"http://{self.host}:{self.predictor_port}"

    @property
    def evidence_url(self) -> str:
        """URL of the evidence service."""
        return self.evidence or f"http://{self.host}:{self.evidence_port}"

    def secret(self, name: str) -> str:
        """The secret `api_key` or `pseudonym_key`: as set, or from HOME/secrets, where it is made at first use."""
        given: SecretStr | None = getattr(self, name)
        if given is not None:
            return given.get_secret_value()
        file = self.root / "secrets" / name
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not file.exists():
            _make_secret(file)
        if not (kept := file.read_text().strip()):
            raise BadInput("is empty; remove it, and a new one is made", str(file))
        return kept


def _make_secret(file: Path) -> None:
    """Write a new secret, whole or not at all; of two that are made at once one stands."""
    aside = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(secrets.token_hex(32))
        out.flush()
        os.fsync(out.fileno())
    with suppress(FileExistsError):
        os.link(aside, file)
    aside.unlink()
