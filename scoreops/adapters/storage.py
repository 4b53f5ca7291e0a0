"""A folder on this machine or a prefix of an S3 bucket, as folders of files.

S3 takes the standard AWS_* variables: keys, profile, region; AWS_ENDPOINT_URL names a server other than Amazon's. A
folder of a bucket is what lies under its name and a slash, so `model/1` has nothing of `model/10`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from scoreops.core.errors import BadInput, NotFound, NotReady

_S3: Final = "s3://"
_ATTEMPTS: Final = 3
_CONNECT_S: Final = 3.0
_REQUEST_S: Final = 20.0
"""An outage must be noticed while somebody waits; who asks tries again anyway."""


class Storage:
    """Files below one root. Paths are relative, with slashes; "" is the root itself."""

    def __init__(self, root: str | Path) -> None:
        """Raises BadInput for a place of another kind."""
        self.root = str(root)
        self._files, self._base = _opened(self.root)

    def listing(self, path: str) -> tuple[list[str], dict[str, int]]:
        """Names of the folders in a folder, and its files with their sizes in bytes; nothing where there is none.

        Hidden folders are left out: a mounted volume keeps its own affairs there. Raises NotReady when out of reach.
        """
        from pyarrow import fs

        with self._reaching():
            found = self._files.get_file_info(fs.FileSelector(self._at(path), allow_not_found=True))
        folders = [item.base_name for item in found if item.type is fs.FileType.Directory]
        files = {item.base_name: int(item.size) for item in found if item.type is fs.FileType.File}
        return [name for name in folders if not name.startswith(".")], files

    def has(self, path: str) -> bool:
        """Whether there is a file. Raises NotReady when out of reach."""
        with self._reaching():
            return bool(self._files.get_file_info(self._at(path)).is_file)

    def read(self, path: str, names: Sequence[str]) -> dict[str, bytes]:
        """Files of a folder. Raises NotFound, NotReady when out of reach."""
        read = {}
        with self._reaching():
            for name in names:
                with self._files.open_input_stream(self._at(f"{path}/{name}")) as stream:
                    read[name] = stream.read()
        return read

    def write(self, path: str, files: Mapping[str, bytes]) -> None:
        """Write files of a folder, one after the other in this order. Raises NotReady when out of reach."""
        with self._reaching():
            self._files.create_dir(self._at(path), recursive=True)
            for name, data in files.items():
                with self._files.open_output_stream(self._at(f"{path}/{name}")) as stream:
                    stream.write(data)

    def _at(self, path: str) -> str:
        return "/".join(part for part in (self._base, path.strip("/")) if part)

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise NotFound(f"{self.root}: {error}") from error
        except OSError as error:
            raise NotReady(f"{self.root} is out of reach: {error}") from error


def _opened(root: str) -> tuple[Any, str]:
    """The file system of `root` and where in it that is."""
    from pyarrow import fs

    if not root.startswith(_S3):
        if "://" in root:
            raise BadInput(f"{root!r} is no folder and does not begin with {_S3}")
        return fs.LocalFileSystem(), str(Path(root).resolve())
    base = root.removeprefix(_S3).rstrip("/")
    if not base or "" in base.split("/"):
        raise BadInput(f"{root!r} must be {_S3}BUCKET or {_S3}BUCKET/PREFIX")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    system = fs.S3FileSystem(
        endpoint_override=endpoint,
        region=region or ("us-east-1" if endpoint else None),
        connect_timeout=_CONNECT_S,
        request_timeout=_REQUEST_S,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
    )
    return system, base
