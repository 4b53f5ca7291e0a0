"""Trino 435 as one process with its memory connector: the SQL engine of a cluster, for tests of the dbt project."""

from __future__ import annotations

import json
import zipfile
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

from scoreops.adapters.settings import Settings
from scoreops.local import jars
from scoreops.local.service import Service

VERSION: Final = "435"
_START: Final = Path(__file__).resolve().parents[2] / "tools" / "trino" / "StartTrino.java"
_PLUGIN: Final = "io.trino.plugin.memory.MemoryPlugin"
_CONFIG: Final = """coordinator=true
node-scheduler.include-coordinator=true
http-server.http.port={port}
discovery.uri=http://{host}:{port}
http-server.log.enabled=false
query.max-memory=400MB
query.max-memory-per-node=400MB
memory.heap-headroom-per-node=200MB
"""


def service(settings: Settings) -> Service:
    """The server on `settings.trino_port`, bound to `settings.host`. Raises NotReady without Java or Maven."""
    home, port = settings.root / "trino", settings.trino_port
    lib, memory = jars.fetch("trino"), jars.fetch("trino-memory")
    own = {
        "config": str(home / "etc" / "config.properties"),
        "log.levels-file": str(home / "etc" / "log.properties"),
        "node.environment": "scoreops",
        "node.id": "one",
        "node.data-dir": str(home / "data"),
        "plugin.dir": str(home / "plugin"),
        "catalog.config-dir": str(home / "etc" / "catalog"),
        "node.internal-address": settings.host,
        "node.bind-ip": settings.host,
    }
    argv = [jars.tool("java"), "-Xmx1G", "-XX:+UseG1GC", "-Djdk.attach.allowAttachSelf=true"]
    argv += [f"-D{name}={value}" for name, value in own.items()]
    argv += ["-cp", f"{lib}/*", str(_START), VERSION]
    return Service(
        "trino",
        settings.root,
        argv,
        lambda: _started(settings.host, port),
        (port,),
        prepare=lambda: _prepare(home, memory, _CONFIG.format(host=settings.host, port=port)),
        start_s=180.0,
        host=settings.host,
    )


def _prepare(home: Path, memory: Path, config: str) -> None:
    """Its configuration, and the memory connector as a plugin, which wants a list of its services."""
    (home / "etc" / "catalog").mkdir(parents=True, exist_ok=True)
    (home / "etc" / "config.properties").write_text(config)
    (home / "etc" / "log.properties").write_text("io.trino=WARN\n")
    (home / "etc" / "catalog" / "memory.properties").write_text("connector.name=memory\n")
    plugin = home / "plugin" / "memory"
    plugin.mkdir(parents=True, exist_ok=True)
    for jar in memory.glob("*.jar"):
        link = plugin / jar.name
        if not link.exists():
            link.symlink_to(jar)
    with zipfile.ZipFile(plugin / "services.jar", "w") as services:
        services.writestr("META-INF/services/io.trino.spi.Plugin", _PLUGIN)


def _started(host: str, port: int) -> bool:
    """Whether it takes queries; it answers, and refuses them, some seconds earlier."""
    connection = HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/v1/info")
        return json.loads(connection.getresponse().read()).get("starting") is False
    except (OSError, HTTPException, ValueError):
        return False
    finally:
        connection.close()
