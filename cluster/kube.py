"""kubectl of the cluster's own version, as the administrator."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from cluster.binaries import built
from cluster.commands import run
from cluster.place import Place
from scoreops.core.errors import NotReady

Manifest = Mapping[str, Any]
_MANAGER: Final = "scoreops-cluster"
_LIMIT_S: Final = 60.0
_POLL_S: Final = 0.2


def kubectl(place: Place, *arguments: str | Path, given: str | None = None) -> str:
    """Standard output of `kubectl ARGUMENTS`. Raises NotReady when it fails."""
    return run(built("kubectl"), f"--kubeconfig={place.kubeconfig}", *arguments, given=given)


def apply(place: Place, manifests: Iterable[Manifest] = (), files: Iterable[Path] = ()) -> None:
    """Make objects as they are written, by server-side apply; safe to repeat."""
    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
    named = [f"--filename={file}" for file in files]
    flags = ["--server-side", "--force-conflicts", f"--field-manager={_MANAGER}"]
    if named:
        kubectl(place, "apply", *flags, *named)
    else:
        kubectl(place, "apply", *flags, "--filename=-", given=given)


def established(place: Place) -> None:
    """Wait until every kind that was defined can be used. Raises NotReady after a minute."""
    deadline = time.monotonic() + _LIMIT_S
    while True:
        try:
            kubectl(place, "wait", "crd", "--all", "--for=condition=Established", f"--timeout={_LIMIT_S:.0f}s")
        except NotReady:  # it stumbles over a definition that has no conditions yet
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_S)
        else:
            return
