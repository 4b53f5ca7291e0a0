"""CoreDNS on the node's address: Services by name, and this machine as `host.scoreops.internal`."""

from __future__ import annotations

from typing import Final

from cluster.inside import http
from cluster.parts import flags, part
from cluster.place import DOMAIN, HOST_NAME, NODE, Place
from scoreops.local.service import Service

_READY: Final = 8181


def corefile(place: Place) -> str:
    """Its configuration. Other names have no answer: there is nobody to ask."""
    return f""".:53 {{
    bind {NODE}
    errors
    ready 127.0.0.1:{_READY}
    hosts {{
        {place.host} {HOST_NAME}
        ttl 5
        fallthrough
    }}
    kubernetes {DOMAIN} in-addr.arpa ip6.arpa {{
        kubeconfig {place.kubeconfig}
        pods verified
        ttl 5
        fallthrough in-addr.arpa ip6.arpa
    }}
}}
"""


def service(place: Place) -> Service:
    """The name server of pods."""
    file = place.home / "Corefile"
    return part(
        place,
        "coredns",
        flags({"conf": file}),
        http(place, _READY, "/ready"),
        files={file: corefile(place)},
    )
