"""The Kubernetes API: objects as plain dictionaries, one field manager, and a time limit on every call.

What goes wrong is one of ours: FenceMoved (somebody wrote in between), NotReady (away, too slow, too busy), Refused
(no right), BadInput (the API server says that it does not fit).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

import urllib3
from kubernetes import client, config

from scoreops.core.errors import BadInput, FenceMoved, NotReady, Refused, ScoreOpsError

MANAGER: Final = "scoreops"
Manifest = dict[str, Any]
Around = Callable[[str], AbstractContextManager[object]]
_PAGE: Final = "500"
_APPLY: Final = "application/apply-patch+yaml"
_MERGE: Final = "application/merge-patch+json"


@dataclass(frozen=True)
class Resource:
    """One kind of object as the API server's paths name it; the core group is ""."""

    group: str
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        """As in a manifest."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None, name: str = "", part: str = "") -> str:
        """Where objects are; without a namespace in all of them, or of a kind that has none."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        within = f"/namespaces/{namespace}" if namespace else ""
        return f"{root}{within}/{self.plural}" + (f"/{name}" if name else "") + (f"/{part}" if part else "")


class Kube:
    """One API server. Safe to use from many threads.

    `around` is entered around every write with its name, method and path; tests end the process there.
    """

    def __init__(self, api: client.ApiClient, *, timeout_s: float = 5.0, around: Around = nullcontext) -> None:
        self._api = api
        self._timeout = (min(timeout_s, 3.0), timeout_s)
        self.around = around

    def get(self, resource: Resource, namespace: str | None, name: str) -> Manifest | None:
        """The object, None if there is none."""
        return self._send("GET", resource.path(namespace, name), missing=True)

    def list(self, resource: Resource, namespace: str | None, *, labels: str = "", fields: str = "") -> list[Manifest]:
        """All objects that match, page by page."""
        query = {"limit": _PAGE, "labelSelector": labels, "fieldSelector": fields}
        found: list[Manifest] = []
        while True:
            page = self._send("GET", resource.path(namespace), query) or {}
            found += page.get("items", [])
            query["continue"] = page.get("metadata", {}).get("continue", "")
            if not query["continue"]:
                return found

    def apply(self, resource: Resource, manifest: Manifest) -> Manifest:
        """Server-side apply: our fields become as they are here, whoever had them; those of others stay."""
        meta = manifest["metadata"]
        query = {"fieldManager": MANAGER, "force": "true"}
        path = resource.path(meta.get("namespace"), meta["name"])
        return self._send("PATCH", path, query, manifest, _APPLY) or {}

    def create(self, resource: Resource, manifest: Manifest) -> bool:
        """Make an object. Returns False if there is one of that name already; it is left alone."""
        path = resource.path(manifest["metadata"].get("namespace"))
        try:
            self._send("POST", path, {"fieldManager": MANAGER}, manifest)
        except _Exists:
            return False
        return True

    def replace(self, resource: Resource, manifest: Manifest, part: str = "") -> Manifest:
        """Write a whole object, or its `status`, if it is still at its metadata.resourceVersion.

        Raises FenceMoved if it is not, or is gone.
        """
        meta = manifest["metadata"]
        path = resource.path(meta.get("namespace"), meta["name"], part)
        return self._fenced(path, self._send("PUT", path, {"fieldManager": MANAGER}, manifest, missing=True))

    def merge(self, resource: Resource, namespace: str, name: str, patch: Manifest, part: str = "") -> Manifest:
        """Change some fields; with metadata.resourceVersion in the patch only if it is still there (FenceMoved)."""
        path = resource.path(namespace, name, part)
        return self._fenced(path, self._send("PATCH", path, {"fieldManager": MANAGER}, patch, _MERGE, missing=True))

    def delete(self, resource: Resource, namespace: str, name: str, uid: str) -> None:
        """Remove this very object and what it owns; one that is gone, or another of that name, is left alone."""
        body = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        try:
            self._send("DELETE", resource.path(namespace, name), body=body, missing=True)
        except FenceMoved:
            return

    def review(self, resource: Resource, manifest: Manifest) -> Manifest:
        """Ask a question whose answer is not stored (SelfSubjectReview, SelfSubjectAccessReview)."""
        return self._send("POST", resource.path(None), body=manifest) or {}

    @staticmethod
    def _fenced(path: str, answer: Manifest | None) -> Manifest:
        if answer is None:
            raise FenceMoved(f"{path} is gone")
        return answer

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Manifest | None = None,
        content: str = "application/json",
        *,
        missing: bool = False,
    ) -> Manifest | None:
        headers = {"Accept": "application/json", "Content-Type": content}
        pairs = [(key, value) for key, value in (query or {}).items() if value]
        with nullcontext() if method == "GET" else self.around(f"{method} {path}"):
            try:
                answer: Manifest = self._api.call_api(
                    path,
                    method,
                    query_params=pairs,
                    header_params=headers,
                    body=body,
                    response_type="object",
                    auth_settings=["BearerToken"],
                    _return_http_data_only=True,
                    _request_timeout=self._timeout,
                )
            except client.ApiException as error:
                if missing and error.status == 404:
                    return None
                raise _ours(error, path) from error
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise NotReady(f"the API server does not answer: {error}") from error
        return answer


class Ending(Refused):
    """The namespace is being deleted: all that is in it goes, and nothing new is taken."""


class _Exists(ScoreOpsError):
    """There is an object of that name."""


def _ours(error: client.ApiException, path: str) -> ScoreOpsError:
    reason, said, causes = "", str(error.reason), []
    try:
        status = json.loads(error.body or "{}")
        reason, said = status.get("reason", ""), status.get("message", said)
        causes = [cause.get("reason") for cause in status.get("details", {}).get("causes", ())]
    except (ValueError, AttributeError):
        pass
    if error.status == 409:
        return _Exists(said) if reason == "AlreadyExists" else FenceMoved(said)
    if error.status in {401, 403}:
        return Ending(said) if "NamespaceTerminating" in causes else Refused(said)
    if error.status == 429 or (error.status or 0) >= 500 or not error.status:
        return NotReady(f"the API server cannot answer now: {said}")
    return BadInput(f"{path}: {said}")


def connect(kubeconfig: str = "", *, pool: int = 16, timeout_s: float = 5.0) -> Kube:
    """The API server that a kubeconfig names, or, without one, that of the pod's own service account.

    Raises NotReady when there is neither.
    """
    settings = client.Configuration()
    try:
        if kubeconfig:
            config.load_kube_config(kubeconfig, client_configuration=settings)
        else:
            config.load_incluster_config(client_configuration=settings)
    except config.ConfigException as error:
        raise NotReady(f"no way to an API server: {error}") from error
    settings.connection_pool_maxsize = pool
    settings.retries = urllib3.Retry(connect=1, read=False, redirect=False, status=False, other=False)
    return Kube(client.ApiClient(settings), timeout_s=timeout_s)
