"""Bundles that must never answer, from whichever source, as tests to inherit. The class gives a fixture `place`.

The forger does everything right that can be done right: digests in the manifest are those of the files.
"""

from __future__ import annotations

import io
import json
import pickle
import re
import zipfile

import pytest

from scoreops.core.bundle import MANIFEST, sha256, unpack
from scoreops.core.errors import BadInput
from tests.bundles import plain_bundle
from tests.door import Door
from tests.graphs import elsewhere, elsewhere_in_a_branch
from tests.tiny import JOINED, tiny_bundle, tiny_score

FLAVOURS = {
    "score": (lambda name, first: tiny_bundle((first, 10.0, 100.0), name=name), tiny_score, "score"),
    "onnx": (lambda name, first: plain_bundle((first, 10.0, 100.0), name), lambda _: None, "y"),
}


class Runs:
    def __reduce__(self):
        return (print, ("read",))


def torch_archive():
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps([]))
    return made.getvalue()


def forged(sound, new=None, **changes):
    """The bundle with other files and fields."""
    kept = {name: data for name, data in (sound | (new or {})).items() if name != MANIFEST and data is not None}
    digests = {name: sha256(data) for name, data in kept.items()}
    manifest = json.loads(sound[MANIFEST]) | {"files": digests} | changes
    return kept | {MANIFEST: json.dumps(manifest).encode()}


def with_golden(files, **changes):
    return forged(files, golden=json.loads(files[MANIFEST])["golden"] | changes)


def wrong_golden(files):
    golden = json.loads(files[MANIFEST])["golden"]["outputs"]
    name = next(iter(golden))
    return with_golden(files, outputs=golden | {name: [golden[name][0] + 1e-3, *golden[name][1:]]})


def flipped(data):
    return data[:-1] + bytes([data[-1] ^ 1])


CASES = {
    "a changed byte": (lambda f: f | {"model.onnx": flipped(f["model.onnx"])}, r"model\.onnx: its bytes are not those"),
    "a missing file": (lambda f: {MANIFEST: f[MANIFEST]}, r"missing files \['model\.onnx'\]"),
    "an extra file": (lambda f: f | {"more.json": b"{}"}, r"does not name \['more\.json'\]"),
    "no manifest field": (lambda f: f | {MANIFEST: b"{}"}, r"bundle\.json does not fit its schema: score: Field req"),
    "a manifest that is no JSON": (lambda f: f | {MANIFEST: b"junk"}, r"bundle\.json does not fit .*Invalid JSON"),
    "an unknown flavour": (lambda f: forged(f, flavour="pickle"), "does not fit its schema: flavour: "),
    "another schema hash": (lambda f: forged(f, schema_hash="0" * 16), "schema hash is not that of the columns"),
    "a wrong golden answer": (wrong_golden, r"golden request of .*\[0\] is 322.*, expected 322\.001"),
    "no golden request": (lambda f: with_golden(f, inputs={}, outputs={}), "carries no golden request"),
    "golden answers that may be anything": (
        lambda f: with_golden(f, tolerance=1e9),
        r"bundle\.json does not fit its schema: golden\.tolerance",
    ),
    "golden inputs of another width": (
        lambda f: with_golden(f, inputs={"features": [[1, 2]]}),
        r"does not take its own golden request: features: shape is \[1, 2\]",
    ),
    "golden inputs that are no numbers": (
        lambda f: with_golden(f, inputs={"features": [["a", {}, 1]]}),
        "the golden values are no FP64",
    ),
    "a pickle by its name": (lambda f: forged(f, {"head.pkl": b"x"}), r"head\.pkl: looks like a pickle"),
    "a pickle by a loud name": (lambda f: forged(f, {"HEAD.PKL": b"x"}), r"HEAD\.PKL: looks like a pickle"),
    "a pickle under an innocent name": (
        lambda f: forged(f, {"weights.npy": pickle.dumps(Runs())}),
        r"weights\.npy: looks like a pickle",
    ),
    "an old pickle under an innocent name": (
        lambda f: forged(f, {"notes.json": pickle.dumps(Runs(), 0)}),
        r"notes\.json: looks like a pickle",
    ),
    "a file of torch": (lambda f: forged(f, {"weights.bin": torch_archive()}), r"weights\.bin: looks like a pickle"),
    "a model that is a pickle": (
        lambda f: forged(f, {"model.onnx": pickle.dumps(Runs())}),
        r"model\.onnx: looks like a pickle",
    ),
    "a model that is none": (lambda f: forged(f, {"model.onnx": b"junk"}), r"model\.onnx .*ONNX model"),
    "a model that is cut off": (
        lambda f: forged(f, {"model.onnx": f["model.onnx"][:-20]}),
        r"model\.onnx .*ONNX model",
    ),
    "a model in ORT format": (
        lambda f: forged(f, {"model.onnx": b"\x20\0\0\0ORTM" + bytes(64)}),
        r"model\.onnx: is a model in ORT format",
    ),
    "tensors in a file beside": (
        lambda f: forged(f, {"model.onnx": elsewhere("weights.bin"), "weights.bin": bytes(24)}),
        r"model\.onnx: keeps a tensor in another file \('weights\.bin'\)",
    ),
    "tensors in a file outside": (
        lambda f: forged(f, {"model.onnx": elsewhere("../../secret.bin")}),
        r"model\.onnx: keeps a tensor in another file \('\.\./\.\./secret\.bin'\)",
    ),
    "tensors anywhere, deep in a branch": (
        lambda f: forged(f, {"model.onnx": elsewhere_in_a_branch("/etc/passwd")}),
        r"model\.onnx: keeps a tensor in another file \('/etc/passwd'\)",
    ),
    "a file outside": (
        lambda f: forged(f, files=json.loads(f[MANIFEST])["files"] | {"../../secret.json": sha256(b"")}),
        r"'\.\./\.\./secret\.json' cannot be the name of a file",
    ),
    "a bundle of another model": (lambda f: forged(f, score="other"), "is a bundle of 'other'"),
}
"""Name -> the forgery of a sound bundle, and what is said of it."""


def registrable(files, model):
    """Whether a registry would take it as a version of `model`."""
    try:
        return unpack(files).score == model
    except BadInput:
        return False


class Refusals:
    """Cases for every source."""

    @pytest.fixture(params=FLAVOURS)
    def flavour(self, request):
        return FLAVOURS[request.param]

    @pytest.fixture
    def door(self, place, flavour):
        """A server that answers with a sound version 1."""
        make, score, _ = flavour
        place.put(place.model, make(place.model, 1.0))
        door = Door(place.source, place.model, score(place.model))
        door.refresh()
        assert door.ready
        yield door
        door.close()

    @pytest.mark.parametrize("case", CASES)
    def test_a_forged_version_never_answers_and_the_one_before_goes_on(self, case, flavour, place, door):
        forge, said = CASES[case]
        make, score, output = flavour
        sound = make(place.model, 2.0)
        said = self.put(place, sound, forge(sound)) or said

        problem = door.refresh().problem
        assert_said(said, problem, place)
        assert door.loads("refused") == {"2": 1.0}
        assert_answers(door, output, 321.0, "1")
        asked = door.infer([[1.0, 2.0, 3.0]], JOINED, version="2")
        assert (asked.status_code, problem in asked.json()["error"]) == (503, True)
        index = door.ask("POST", "/v2/repository/index", json={}).json()
        assert [(entry["version"], entry["state"]) for entry in index] == [("1", "READY"), ("2", "UNAVAILABLE")]
        door.refresh()
        assert door.loads("refused") == {"2": 1.0}

        late = Door(place.source, place.model, score(place.model))
        assert_said(said, late.refresh().problem, place)
        assert not late.ready
        late.close()

        place.put(place.model, make(place.model, 3.0))
        assert door.refresh().problem == ""
        assert_answers(door, output, 323.0, "3")

    def put(self, place, sound, bad):
        """Make `bad` version 2. Returns what is said of it where the place knows more than the bundle does."""
        return place.put(place.model, bad) and ""


def assert_said(said, problem, place):
    assert re.search(said, problem, re.DOTALL), problem
    assert problem.startswith((f"{place.model} version 2", f"golden request of {place.model} version 2"))


def assert_answers(door, output, value, version):
    made = door.infer([[1.0, 2.0, 3.0]], JOINED).json()
    assert (made["outputs"][0]["name"], made["outputs"][0]["data"], made["model_version"]) == (output, [value], version)
