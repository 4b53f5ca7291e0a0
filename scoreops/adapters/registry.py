"""The model registry: bundles as MLflow model versions, and aliases that say which one answers.

Speaks MLflow's REST API directly: importing its client costs seconds, and a bundle is files, not a flavour of MLflow's.
Aliases: `champion` answers, `candidate` is the newest, `previous` is what a rollback returns to.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from scoreops.core.bundle import digest, unpack
from scoreops.core.errors import BadInput, NotFound, NotReady, Refused

CHAMPION: Final = "champion"
CANDIDATE: Final = "candidate"
PREVIOUS: Final = "previous"
_API: Final = "/api/2.0/mlflow"
_ARTIFACTS: Final = "/api/2.0/mlflow-artifacts/artifacts"
_EXPERIMENT: Final = "scoreops"


@dataclass(frozen=True)
class Version:
    """One registered bundle. `verdicts` are those of the gates it met, `created_ms` is the registry's clock."""

    name: str
    number: int
    digest: str
    source: str
    aliases: tuple[str, ...]
    metrics: Mapping[str, float]
    verdicts: Sequence[Mapping[str, Any]]
    created_ms: int


class Registry:
    """Bundles and aliases on one MLflow server. Every call can be repeated."""

    def __init__(self, url: str, *, timeout_s: float = 30.0) -> None:
        self._url = url
        self._http = httpx.Client(base_url=url, timeout=timeout_s)

    def register(
        self, files: Mapping[str, bytes], *, metrics: Mapping[str, float], verdicts: Sequence[Mapping[str, Any]]
    ) -> Version:
        """Store a bundle as a new version and name it `candidate`; the same bundle again is the same version."""
        manifest = unpack(files)
        name, identity = manifest.score, digest(files)
        self._ensure("registered-models", name)
        found = next((version for version in self.versions(name) if version.digest == identity), None)
        if found is None:
            run, root = self._run(name, metrics)
            source = f"{root}/bundle"
            for file, data in files.items():
                self._send("PUT", f"{_ARTIFACTS}/{_path(source)}/{file}", content=data)
            tags = {"digest": identity, "verdicts": json.dumps(list(verdicts))}
            body = {
                "name": name,
                "source": source,
                "run_id": run,
                "tags": [{"key": key, "value": value} for key, value in tags.items()],
            }
            made = self._send("POST", f"{_API}/model-versions/create", json=body)
            number = int(made["model_version"]["version"])
        else:
            number = found.number
        self.set_alias(name, CANDIDATE, number)
        return self.version(name, str(number))

    def fetch(self, name: str, ref: str) -> tuple[Version, dict[str, bytes]]:
        """The version that `ref`, an alias or a number, names, and its files, every digest checked.

        Raises NotFound, or BadInput when the bytes are not those that were registered.
        """
        version = self.version(name, ref)
        folder = _path(version.source)
        answer = self._send("GET", _ARTIFACTS, params={"path": folder})
        names = [file["path"].rsplit("/", 1)[-1] for file in answer.get("files", []) if not file.get("is_dir")]
        files = {file: self._bytes(f"{_ARTIFACTS}/{folder}/{file}") for file in names}
        unpack(files)
        if digest(files) != version.digest:
            raise BadInput(f"the manifest of {name} version {version.number} is not the one that was registered")
        return version, files

    def version(self, name: str, ref: str) -> Version:
        """The version that an alias or a number names. Raises NotFound."""
        if ref.isdigit():
            path, query = f"{_API}/model-versions/get", {"name": name, "version": ref}
        else:
            path, query = f"{_API}/registered-models/alias", {"name": name, "alias": ref}
        return self._read(self._send("GET", path, params=query)["model_version"])

    def names(self) -> list[str]:
        """All models."""
        found = self._send("GET", f"{_API}/registered-models/search", params={"max_results": "1000"})
        return [str(model["name"]) for model in found.get("registered_models", [])]

    def versions(self, name: str) -> list[Version]:
        """All versions, newest first; none when the model is unknown."""
        query = {"filter": f"name='{name}'", "max_results": "200", "order_by": "version_number DESC"}
        found = self._send("GET", f"{_API}/model-versions/search", params=query).get("model_versions", [])
        aliases = self.aliases(name) if found else {}
        return [self._read(item, aliases) for item in found]

    def aliases(self, name: str) -> dict[str, int]:
        """Which version each alias names. Raises NotFound for an unknown model."""
        model = self._send("GET", f"{_API}/registered-models/get", params={"name": name})["registered_model"]
        return {item["alias"]: int(item["version"]) for item in model.get("aliases", [])}

    def all_aliases(self) -> dict[str, dict[str, int]]:
        """Which version each alias of each model names, page by page."""
        found: dict[str, dict[str, int]] = {}
        query = {"max_results": "500"}
        while True:
            page = self._send("GET", f"{_API}/registered-models/search", params=query)
            for model in page.get("registered_models", []):
                found[model["name"]] = {item["alias"]: int(item["version"]) for item in model.get("aliases", [])}
            if not page.get("next_page_token"):
                return found
            query["page_token"] = page["next_page_token"]

    def digest_of(self, name: str, number: str) -> str:
        """The digest that a version was registered with. Raises NotFound."""
        query = {"name": name, "version": number}
        item = self._send("GET", f"{_API}/model-versions/get", params=query)["model_version"]
        return str(next((tag["value"] for tag in item.get("tags", []) if tag["key"] == "digest"), ""))

    def promote(self, name: str, number: int) -> None:
        """Make a version the champion; the one before becomes `previous`. Repeating it changes nothing."""
        before = self.aliases(name).get(CHAMPION)
        if before == number:
            return
        if before is not None:
            self.set_alias(name, PREVIOUS, before)  # first: a crash between leaves a champion and a way back
        self.set_alias(name, CHAMPION, number)

    def rollback(self, name: str) -> tuple[int, int]:
        """Make `previous` the champion again and the champion `previous`. Returns (from, to). Raises Refused."""
        aliases = self.aliases(name)
        now, before = aliases.get(CHAMPION), aliases.get(PREVIOUS)
        if now is None or before is None or now == before:
            raise Refused(f"{name} has no previous version to go back to")
        self.set_alias(name, CHAMPION, before)
        self.set_alias(name, PREVIOUS, now)
        return now, before

    def set_alias(self, name: str, alias: str, number: int) -> None:
        """Let an alias name a version."""
        body = {"name": name, "alias": alias, "version": str(number)}
        self._send("POST", f"{_API}/registered-models/alias", json=body)

    def drop_alias(self, name: str, alias: str) -> None:
        """Let an alias name nothing."""
        self._send("DELETE", f"{_API}/registered-models/alias", json={"name": name, "alias": alias})

    def close(self) -> None:
        """Leave."""
        self._http.close()

    def _ensure(self, kind: str, name: str) -> None:
        try:
            self._send("POST", f"{_API}/{kind}/create", json={"name": name})
        except BadInput as error:
            if "RESOURCE_ALREADY_EXISTS" not in str(error):
                raise

    def _experiment(self) -> str:
        """The id of the one experiment, which another that registers at this moment may make first."""
        query = {"experiment_name": _EXPERIMENT}
        try:
            found = self._send("GET", f"{_API}/experiments/get-by-name", params=query)
        except NotFound:
            self._ensure("experiments", _EXPERIMENT)
            found = self._send("GET", f"{_API}/experiments/get-by-name", params=query)
        return str(found["experiment"]["experiment_id"])

    def _run(self, name: str, metrics: Mapping[str, float]) -> tuple[str, str]:
        now = int(time.time() * 1000)
        body = {"experiment_id": self._experiment(), "run_name": name, "start_time": now}
        info = self._send("POST", f"{_API}/runs/create", json=body)["run"]["info"]
        run: str = info["run_id"]
        rows = [{"key": k, "value": v, "timestamp": now, "step": 0} for k, v in metrics.items()]
        self._send("POST", f"{_API}/runs/log-batch", json={"run_id": run, "metrics": rows})
        self._send("POST", f"{_API}/runs/update", json={"run_id": run, "status": "FINISHED", "end_time": now})
        return run, str(info["artifact_uri"])

    def _read(self, item: Mapping[str, Any], aliases: Mapping[str, int] | None = None) -> Version:
        number, name = int(item["version"]), str(item["name"])
        tags = {tag["key"]: tag["value"] for tag in item.get("tags", [])}
        names = self.aliases(name) if aliases is None else aliases
        return Version(
            name=name,
            number=number,
            digest=tags.get("digest", ""),
            source=str(item["source"]),
            aliases=tuple(sorted(alias for alias, at in names.items() if at == number)),
            metrics=self._metrics(item.get("run_id", "")),
            verdicts=json.loads(tags.get("verdicts", "[]")),
            created_ms=int(item["creation_timestamp"]),
        )

    def _metrics(self, run: str) -> dict[str, float]:
        if not run:
            return {}
        data = self._send("GET", f"{_API}/runs/get", params={"run_id": run})["run"]["data"]
        return {item["key"]: float(item["value"]) for item in data.get("metrics", [])}

    def _send(self, method: str, path: str, **request: Any) -> Any:
        response = self._answer(method, path, **request)
        try:
            return response.json() if response.content else {}
        except ValueError as error:
            raise NotReady(f"what answers at {self._url} is no MLflow: {_message(response)}") from error

    def _bytes(self, path: str) -> bytes:
        return self._answer("GET", path).content

    def _answer(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **request)
        except httpx.HTTPError as error:
            raise NotReady(f"MLflow does not answer at {self._url}: {error}") from error
        if response.status_code == 404:
            raise NotFound(_message(response))
        if response.status_code >= 500 or response.is_redirect:
            raise NotReady(f"MLflow failed: HTTP {response.status_code} {_message(response)}")
        if response.status_code >= 400:
            raise NotFound(_message(response)) if "not found" in response.text else BadInput(_message(response))
        return response


def _path(source: str) -> str:
    """The path that the artifact store knows `mlflow-artifacts:/...` by."""
    return source.removeprefix("mlflow-artifacts:").lstrip("/")


def _message(response: httpx.Response) -> str:
    try:
        body = response.json()
        return f"{body['error_code']}: {body['message']}"
    except (ValueError, KeyError, TypeError):
        return response.text[:300]
