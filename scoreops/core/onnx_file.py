"""What a bundle's `.onnx` file must be before an engine reads it: one file that holds all of its model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from scoreops.core.errors import BadInput

SUFFIX: Final = ".onnx"
_ORT_FORMAT: Final = b"ORTM"
_REFERENCE: Final = b"location"
"""A tensor that lies elsewhere says where under this key, so a file without these bytes needs no closer look."""


def check_onnx(name: str, data: bytes) -> None:
    """Raises BadInput when `data` names tensors in other files, or is for an engine that would read it another way.

    A path in a model is relative to the folder that the server was started in, and could name any of its files.
    """
    if data[4:8] == _ORT_FORMAT:
        raise BadInput("is a model in ORT format, not ONNX", name)
    if _REFERENCE not in data:
        return
    model = _model(data)
    if model is None:
        raise BadInput("is no ONNX model", name)
    place = next(_references(model), None)
    if place is not None:
        raise BadInput(
            f"keeps a tensor in another file ({place[:80]!r}); a bundle's model holds all of its tensors", name
        )


def unreadable(files: Mapping[str, bytes]) -> list[str]:
    """Names of the `.onnx` files that hold no ONNX model: an engine that fails does not say at which."""
    return [name for name, data in files.items() if name.endswith(SUFFIX) and _model(data) is None]


def _model(data: bytes) -> Any | None:
    import onnx

    try:
        made = onnx.load_model_from_string(data)
    except Exception:  # noqa: BLE001 - whatever the parser says, it is no model
        return None
    return made if made.HasField("graph") else None


def _references(message: Any) -> Iterator[str]:
    """Where the tensors in `message`, however deep, say that they lie."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        # a single message is no sequence; fields that repeat are
        for part in value if field.is_repeated else (value,):
            if field.name == "external_data" and part.key == "location":
                yield part.value
            yield from _references(part)
