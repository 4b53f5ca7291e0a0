"""Message classes of `open_inference.proto`, in a pool of their own.

Every client of the protocol ships the same names; in the pool that a process shares by default, two of them clash.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

SERVICE: Final = "inference.GRPCInferenceService"


def _pool() -> DescriptorPool:
    """The types of `open_inference.binpb`, which a golden test compiles from the .proto beside it."""
    pool = DescriptorPool()
    compiled = FileDescriptorSet.FromString(files("predictors").joinpath("open_inference.binpb").read_bytes())
    for file in compiled.file:
        pool.Add(file)
    return pool


POOL: Final = _pool()


class ReflectionPool:
    """What a reflection service looks things up in: the protocol's types and those of `others`.

    Some clients ask for a method by its full name, which the pool itself knows under its service only.
    """

    def __init__(self, *others: Any) -> None:
        self._pool = _pool()
        for descriptor in others:
            self._pool.AddSerializedFile(descriptor.serialized_pb)

    def FindFileContainingSymbol(self, name: str) -> Any:  # noqa: N802 - the name that reflection calls
        """The file that declares `name`. Raises KeyError."""
        try:
            return self._pool.FindFileContainingSymbol(name)
        except KeyError:
            return self._pool.FindFileContainingSymbol(name.rpartition(".")[0])

    def __getattr__(self, name: str) -> Any:
        """Everything else is the pool's."""
        return getattr(self._pool, name)


def message(name: str) -> Any:
    """The class of the message `inference.<name>`."""
    return GetMessageClass(POOL.FindMessageTypeByName(f"inference.{name}"))


InferRequestMessage: Final = message("ModelInferRequest")
InferResponseMessage: Final = message("ModelInferResponse")
