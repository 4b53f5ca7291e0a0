"""Bundles: what is in them is what was registered, all of it, and no pickle."""

import io
import json
import pickle
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreops.core.bundle import FORBIDDEN_SUFFIXES, MANIFEST, digest, is_pickle, pack, sha256, unpack
from scoreops.core.errors import BadInput
from tests.tiny import COLUMNS, onnx_model, tiny_bundle


@pytest.fixture(scope="module")
def files():
    return tiny_bundle(extra={"head.json": b"{}"})


def test_what_is_packed_is_unpacked(files):
    manifest = unpack(files)
    assert manifest.columns == COLUMNS
    assert manifest.files == {name: sha256(data) for name, data in files.items() if name != MANIFEST}
    assert pack(manifest, {name: files[name] for name in manifest.files}) == files


def test_the_same_content_has_the_same_digest_and_any_other_another(files):
    assert digest(tiny_bundle(extra={"head.json": b"{}"})) == digest(files)
    others = [
        tiny_bundle(extra={"head.json": b"{ }"}),
        tiny_bundle((1.0, 10.0, 100.5), extra={"head.json": b"{}"}),
        tiny_bundle(name="other", extra={"head.json": b"{}"}),
        tiny_bundle(golden_shift=1.0, extra={"head.json": b"{}"}),
        tiny_bundle(),
    ]
    assert len({digest(made) for made in (files, *others)}) == 6


def edited(packed, **changes):
    manifest = json.loads(packed[MANIFEST]) | changes
    return packed | {MANIFEST: json.dumps(manifest).encode()}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(
            lambda f: f | {"model.onnx": f["model.onnx"][:-1] + b"\x00"}, "model.onnx: its bytes", id="a bit flipped"
        ),
        pytest.param(
            lambda f: {n: d for n, d in f.items() if n != "head.json"},
            r"missing files \['head.json'\]",
            id="a file gone",
        ),
        pytest.param(lambda f: f | {"extra.txt": b""}, r"does not name \['extra.txt'\]", id="a file more"),
        pytest.param(lambda f: {n: d for n, d in f.items() if n != MANIFEST}, "has no bundle.json", id="no manifest"),
        pytest.param(lambda f: f | {MANIFEST: b"{}"}, "does not fit its schema", id="an empty manifest"),
        pytest.param(lambda f: edited(f, note="x"), "does not fit its schema", id="a field too many"),
        pytest.param(lambda f: edited(f, columns=["b", "a", "c"]), "schema hash", id="columns permuted"),
        pytest.param(lambda f: edited(f, schema_hash="0" * 16), "schema hash", id="another hash"),
        pytest.param(lambda f: edited(f, flavour="pickle"), "does not fit its schema", id="an unknown flavour"),
        pytest.param(lambda f: f | {MANIFEST: b"junk"}, "does not fit its schema", id="no JSON"),
        pytest.param(lambda f: f | {MANIFEST: b"[" * 100_000}, "does not fit its schema", id="JSON without an end"),
        pytest.param(lambda f: f | {MANIFEST: b"\xff\xfe"}, "does not fit its schema", id="no UTF-8"),
        pytest.param(
            lambda f: edited(f, files=json.loads(f[MANIFEST])["files"] | {"head.json": sha256(b"x")}),
            "head.json: its bytes",
            id="another digest",
        ),
    ],
)
def test_what_was_changed_is_found_and_named(files, spoil, said):
    with pytest.raises(BadInput, match=said):
        unpack(spoil(files))


@pytest.mark.parametrize("suffix", FORBIDDEN_SUFFIXES)
def test_names_of_pickles_are_refused(suffix):
    for name in (f"model{suffix}", f"MODEL{suffix.upper()}"):
        with pytest.raises(BadInput, match="looks like a pickle"):
            tiny_bundle(extra={name: b"harmless"})


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_by_any_name_is_refused(protocol, files):
    data = pickle.dumps({"a": 1}, protocol)
    with pytest.raises(BadInput, match="looks like a pickle"):
        tiny_bundle(extra={"weights.json": data})
    smuggled = edited(files, files=json.loads(files[MANIFEST])["files"] | {"head.json": sha256(data)})
    with pytest.raises(BadInput, match=r"head\.json: looks like a pickle"):
        unpack(smuggled | {"head.json": data})


class Runs:
    """An object whose pickle calls something when it is read."""

    def __reduce__(self):
        return (print, ("read",))


def zipped(name):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(name, b"x")
    return made.getvalue()


@pytest.mark.parametrize("protocol", [0, 1])
def test_old_pickles_have_no_magic_but_are_known_by_what_they_call(protocol):
    assert is_pickle(pickle.dumps(Runs(), protocol))


@pytest.mark.parametrize(
    ("data", "pickled"),
    [
        pytest.param(zipped("archive/data.pkl"), True, id="an archive of torch"),
        pytest.param(zipped("weights.npy"), False, id="arrays of numpy"),
        pytest.param(b"", False, id="nothing"),
        pytest.param(b'{"a": [1.5, null]}', False, id="JSON"),
        pytest.param(b"0.5", False, id="a number"),
        pytest.param(onnx_model((1.0, 2.0, 3.0)), False, id="ONNX"),
        pytest.param(b"cat\nhat\n", False, id="text"),
    ],
)
def test_what_is_a_pickle_and_what_is_not(data, pickled):
    assert is_pickle(data) is pickled


@given(st.binary(max_size=64) | st.text("(.012FIKLMNSTUVXabcdeglopqstu}])\n'", max_size=40).map(str.encode))
def test_looking_for_pickles_never_fails(data):
    assert is_pickle(data) in (True, False)


@pytest.mark.parametrize("name", ["../model.onnx", "a/b.json", "/etc/passwd", "a\\b", "", ".hidden", "..", "a\0b"])
def test_a_bundle_is_flat(files, name):
    with pytest.raises(BadInput, match="bundles are flat"):
        tiny_bundle(extra={name: b"x"})
    with pytest.raises(BadInput, match="bundles are flat"):
        unpack(edited(files, files=json.loads(files[MANIFEST])["files"] | {name: sha256(b"x")}) | {name: b"x"})
