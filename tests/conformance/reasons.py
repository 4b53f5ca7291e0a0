"""Why our answer is not that of KServe's server or of MLServer, for each case of tests/conformance/cases.py."""

from __future__ import annotations

from collections.abc import Mapping

WORDS = "The protocol's error object for each error, also for those of HTTP itself."
MALFORMED = "A body that is no request is a bad request, 400, as the protocol's description says; 422 is not in it."
CLIENT = "A mistake of the client is 400: 500 would page somebody, and a client would try it again."
V1 = "The first protocol is KServe's; MLServer does not have it."
VERSIONS = "We serve several versions at once; KServe's server knows none."

REASONS: Mapping[str, str] = {
    "the server is alive": "The protocol has a body; MLServer's is empty. A probe looks at the status only.",
    "the server is ready": "As above; KServe's server is ready at all times, whatever its models are.",
    "metadata of the server": "MLServer names no extensions, though it has some.",
    "names of the models": "A path of KServe's server, not of the protocol; MLServer has the index.",
    "the model is ready": "The protocol has a body; MLServer's is empty.",
    "a version is ready": VERSIONS,
    "metadata of the model": "A bundle knows its inputs, outputs and versions; the others what somebody told them.",
    "metadata of a version": VERSIONS,
    "index of the repository": "KServe's server has load and unload, but no index.",
    "load of an unknown model": "Loading from outside is off unless the server is started with --admin.",
    "rows as FP32": "The datatype is that of the bundle: a silent cast could lose what a threshold depends on.",
    "whole numbers as INT64": "As above.",
    "the input has another name": "Names are part of the contract: a tensor under another name may be another tensor.",
    "an input too many": "KServe's XGBoost server reads the first tensor and drops the others.",
    "a version": VERSIONS,
    "a gzip body": "KServe's server does not unpack.",
    "JSON sent as text/plain": "What decides is whether the body is JSON; some clients send no type at all.",
    "names and shapes of the outputs": "The bundle names its outputs. MLServer makes a column of them.",
    "an output by name": "KServe's XGBoost server calls its output `output-0`.",
    "version of the model": VERSIONS,
    "parameters": "Ours say who answered, under which alias, and as of when.",
    "an unknown version": VERSIONS,
    "malformed JSON": MALFORMED,
    "an empty body": MALFORMED,
    "an array as body": MALFORMED,
    "no inputs": MALFORMED,
    "no datatype": MALFORMED,
    "an empty list of inputs": CLIENT,
    "an unknown datatype": CLIENT,
    "texts where numbers belong": CLIENT,
    "texts declared as BYTES": CLIENT,
    "a column too few": "The others hand it to XGBoost: through KServe's server the rows come back with wrong numbers.",
    "a column too many": CLIENT,
    "fewer values than the shape says": CLIENT,
    "a negative size": "A shape counts values; the others let numpy guess what -1 means.",
    "no rows": "A question without rows is a mistake of the client.",
    "a number too large": "What is infinite is no measurement; what is missing is null.",
    "GET where POST belongs": WORDS,
    "an unknown path": WORDS,
    "metrics": "MLServer has them on a port of their own.",
    "v1: names of the models": V1,
    "v1: the model is ready": V1,
    "v1: rows": V1,
    "v1: rows as `inputs`": "`inputs` is the word of the second protocol; the first one has `instances`.",
    "v1: rows as objects": "Columns by name are put in order; KServe's server stumbles over scalars.",
    "v1: an unknown model": V1,
    "v1: no instances": CLIENT,
    "v1: malformed JSON": V1,
}
