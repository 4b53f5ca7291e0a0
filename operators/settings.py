"""What the operator is told by its Deployment."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from operators.api.rollout import Gateway


class OperatorSettings(BaseSettings):
    """Where things are, and how much is done at once; environment variables with the prefix OPERATOR_."""

    model_config = SettingsConfigDict(env_prefix="OPERATOR_", frozen=True, env_nested_delimiter="__")

    namespace: str = Field("scoreops", description="Where the Lease is.")
    identity: str = Field("", description="Name of this replica; empty means the host's name.")
    kubeconfig: str = Field("", description="File; empty means the pod's service account.")
    watch: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Namespaces with rollouts, separated by commas; empty means all."
    )
    gateway: Gateway = Field(Gateway(namespace="scoreops", name="scoreops"), description="Of rollouts that name none.")
    domain: str = Field("scoreops.local", description="Rollouts answer at NAME.NAMESPACE.DOMAIN.")
    prometheus: str = Field("", description="URL; without one there are no numbers, and no weight rises.")
    metrics_labels: dict[str, str] = Field(
        {"namespace": "$namespace"},
        description="Labels that tell the metrics of one namespace's servers from another's.",
    )
    mlflow: str = Field("", description="URL of the registry; without one no version is found.")
    evidence: str = Field("", description="URL of the evidence service.")
    server_url: str = Field("http://$service.$namespace.svc", description="Where the server of a version answers.")
    gateway_address: str = Field("", description="Address of the gateway for pods; empty: names lead there.")
    gateway_port: int = Field(80, ge=1, description="Port of the gateway for pods.")
    image: str = Field("", description="Image of the platform, for the process that decides every minute.")
    workers: int = Field(8, ge=1, description="Rollouts that are worked on at once.")
    evaluators: int = Field(4, ge=1, description="Questions to gates that are asked at once.")
    timeout_s: float = Field(5.0, gt=0, description="For each call of the API server.")
    provider_timeout_s: float = Field(1.5, gt=0, description="For each call of metrics and servers by a loop.")
    resync_s: float = Field(300.0, gt=0, description="A rollout at rest is looked at so often if nothing happens.")
    health_port: int = Field(8080, ge=0, description="Port of /healthz, /readyz and /metrics; 0 takes a free one.")
    lease_s: float = Field(15.0, gt=0, description="A Lease that was not renewed for so long may be taken.")
    renew_s: float = Field(10.0, gt=0, description="Who could not renew it for so long stops.")
    retry_s: float = Field(2.0, gt=0, description="Interval of tries.")
    kill_at: str = Field(
        "", description="For tests: `<number>:before` or `:after` of the write where the process dies."
    )

    @field_validator("watch", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        return tuple(one.strip() for one in given.split(",") if one.strip()) if isinstance(given, str) else given
