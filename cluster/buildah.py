"""buildah, with storage of its own in the cache and nothing left mounted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cluster.binaries import cached
from cluster.commands import run, runs

WHEELS: Final = "/wheels"
"""Where a build finds the Python packages that the host has fetched."""


def build(
    reference: str,
    dockerfile: Path,
    context: Path,
    *,
    arguments: Mapping[str, str] | None = None,
    packages: Path | None = None,
) -> None:
    """Build an image from a Dockerfile, without a container runtime.

    Args:
        reference: Its name.
        dockerfile: How.
        context: The folder that it copies from.
        arguments: Values of its ARGs.
        packages: Folder of Python packages, shown to it at `WHEELS`.

    Raises:
        NotReady: It failed.
    """
    options = ["--isolation=chroot", "--network=host", "--layers", "--pull-never", f"--tag={reference}"]
    options += [f"--build-arg={key}={value}" for key, value in (arguments or {}).items()]
    if packages is not None:
        options.append(f"--volume={packages}:{WHEELS}:ro")
    command("bud", *options, f"--file={dockerfile}", str(context))


def push(reference: str, folder: Path) -> None:
    """Copy an image's layers, uncompressed, into a folder of the OCI layout; those that are there stay."""
    command("push", "--disable-compression", reference, f"oci:{folder}:latest")


def forget_others(reference: str) -> None:
    """Remove what was built under the same name before, and what no image is built on."""
    name, _, tag = reference.rpartition(":")
    listed = json.loads(command("images", "--json", f"--filter=reference={name}"))
    names = [one for image in listed for one in image["names"] or ()]
    for other in names:
        if other.startswith(f"{name}:") and other != f"{name}:{tag}":
            command("rmi", other)
    command("rmi", "--prune")


def command(*arguments: str) -> str:
    """Standard output of `buildah ARGUMENTS`. Raises NotReady when it fails."""
    return run(*_line(arguments))


def has(reference: str) -> bool:
    """Whether there is an image of this name."""
    return runs(*_line(("inspect", "--type=image", reference)))


def _line(arguments: Sequence[str]) -> list[str]:
    """The command, in a mount namespace of its own, so that its mounts go with it."""
    storage = (f"--root={cached() / 'buildah'}", "--runroot=/run/scoreops/buildah", "--storage-driver=overlay")
    return ["unshare", "--mount", "--propagation=private", "buildah", *storage, *arguments]
