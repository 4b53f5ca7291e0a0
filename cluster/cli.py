"""`python -m cluster ...`: a real Kubernetes on this machine."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from cluster.place import HOST_NAME, here
from scoreops.cli.output import JsonFlag, console, emit, err, handled, table
from scoreops.core.errors import NotReady

app = typer.Typer(
    help="A real Kubernetes of one node, without Docker.", no_args_is_help=True, pretty_exceptions_show_locals=False
)
Level = Annotated[str, typer.Option(help="How much of it: api, crds, node or full.")]
_PASS = {"allow_extra_args": True, "ignore_unknown_options": True}


def _tell(said: str) -> None:
    err.print(f"{time.strftime('%H:%M:%S')} {said}", highlight=False)


@app.command()
@handled
def up(
    *, level: Level = "full", fake_nodes: Annotated[bool, typer.Option(help="Also kwok, for fake nodes.")] = False
) -> None:
    """Bring the cluster up and wait until it is ready. What runs is left alone.

    Example: python -m cluster up --level api
    """
    from cluster.levels import LEVELS
    from cluster.life import up as bring_up
    from scoreops.core.errors import Unsupported

    if level not in LEVELS:
        raise Unsupported(f"{level!r} is not one of {', '.join(LEVELS)}")
    place, began = here(), time.monotonic()
    changed = bring_up(place, level, fake_nodes=fake_nodes, tell=_tell)
    console.print(f"cluster {place.name} is up" + (f", {time.monotonic() - began:.0f} s" if changed else " already"))
    console.print(f"export KUBECONFIG={place.kubeconfig}", highlight=False, soft_wrap=True)


@app.command()
@handled
def down() -> None:
    """End the cluster, or what a crash left of it. Logs and images stay.

    Example: python -m cluster down
    """
    from cluster.life import down as bring_down

    place = here()
    with err.status("stopping"):
        found = bring_down(place)
    console.print(f"cluster {place.name} is down" if found else "nothing was running")


@app.command()
@handled
def status(*, as_json: JsonFlag = False) -> None:
    """Tell which processes run, and where logs are. Exit code 1 unless all that belong to the level are ready.

    Example: python -m cluster status --json
    """
    from cluster.state import examine

    place = here()
    found = examine(place)
    if as_json:
        emit([one._asdict() for one in found])
    else:
        rows = [(one.name, one.state, one.pid, one.rss_mb) for one in found]
        table(f"Cluster {place.name}", ("component", "state", "pid", "MB"), rows)
        console.print(f"logs: {place.logs}", highlight=False, soft_wrap=True)
    if not found or any(one.state != "ready" for one in found):
        raise typer.Exit(1)


@app.command()
@handled
def demo(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running, to look at.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Deliver models on a real cluster: served, one improved, one spoiled and taken back, joined, under traffic.

    A cluster of this name is ended and begun anew. Exit code 1 if anything went otherwise than it should.

    Example: python -m cluster demo --keep
    """
    from cluster.demo import command

    place, began = here(), time.monotonic()
    chapters = command.demo(place, err if as_json else console, keep=keep)
    if as_json:
        emit(command.as_json(chapters))
    else:
        command.show(console, chapters)
        console.print(f"done in {time.monotonic() - began:.0f} s")
    if keep:
        err.print("it goes on; make cluster-down and SCOREOPS_HOME=.run/demo-k8s scoreops down end it", soft_wrap=True)
    if not all(one.right for one in chapters):
        raise typer.Exit(1)


@app.command()
@handled
def doctor() -> None:
    """Say what this machine lacks for a cluster. Exit code 4 when something is missing.

    Example: python -m cluster doctor
    """
    from cluster import binaries, debian, rights

    debian.check_root()
    lacks = rights.refused()
    for check in (debian.check, binaries.go):
        try:
            check()
        except NotReady as error:
            lacks.append(str(error))
    if lacks:
        raise NotReady("\n".join(lacks))
    missing = binaries.missing()
    console.print(f"not compiled yet: {', '.join(missing)}" if missing else "nothing is missing")


@app.command()
@handled
def build(names: Annotated[list[str] | None, typer.Argument(help="Programs; all when none is named.")] = None) -> None:
    """Compile what is missing into the cache: a quarter of an hour the first time.

    Example: python -m cluster build etcd kube-apiserver
    """
    from cluster import binaries, sources

    for name in names or binaries.BINARIES:
        began = time.monotonic()
        if not binaries.path(name).exists():
            _tell(f"compiling {name}")
            binaries.build(name)
            _tell(f"compiled {name} in {time.monotonic() - began:.0f} s")
    if not names:
        sources.fetch()


@app.command()
@handled
def images(names: Annotated[list[str] | None, typer.Argument(help="Images; all when none is named.")] = None) -> None:
    """Build the images that are missing, and give them to the cluster if it runs. Prints their full names.

    Example: python -m cluster images platform
    """
    from cluster import debian
    from cluster.images import IMAGES, load
    from cluster.images import build as build_image
    from cluster.state import runs

    debian.check()
    place, wanted = here(), tuple(names or IMAGES)
    for name in wanted:
        console.print(build_image(name, _tell), highlight=False, soft_wrap=True)
    if runs(place, "containerd"):
        load(place, wanted)


@app.command(context_settings=_PASS)
@handled
def kubectl(context: typer.Context) -> None:
    """Run kubectl of the cluster's version as its administrator.

    Example: python -m cluster kubectl -- get pods -A
    """
    from cluster.binaries import built

    program = str(built("kubectl"))
    os.execv(program, [program, f"--kubeconfig={here().kubeconfig}", *context.args])  # noqa: S606


@app.command("exec", context_settings=_PASS)
@handled
def execute(context: typer.Context) -> None:
    """Run a command inside the cluster's network, where Services have their addresses.

    Example: python -m cluster exec -- curl -s http://10.96.0.10
    """
    argv = here().enter([*context.args])
    os.execvp(argv[0], argv)  # noqa: S606


@app.command()
@handled
def kubeconfig(
    *,
    user: Annotated[str, typer.Option(help="A user that exists by his certificate alone.")] = "",
    group: Annotated[list[str] | None, typer.Option(help="His groups; repeat it.")] = None,
    account: Annotated[str, typer.Option(help="NAMESPACE/NAME of a service account, good for a day.")] = "",
) -> None:
    """Write a kubeconfig and print where it is; the administrator's when nobody is named.

    Example: python -m cluster kubeconfig --account scoreops/operator
    """
    from cluster import kubeconfig as files

    place = here()
    made: Path = place.kubeconfig
    if account:
        namespace, _, name = account.partition("/")
        made = files.of_service_account(place, namespace, name)
    elif user:
        made = files.of_user(place, user, group or ())
    console.print(str(made), highlight=False, soft_wrap=True)


@app.command()
@handled
def env() -> None:
    """Print what a shell or a test needs, as `export` lines.

    Example: eval "$(python -m cluster env)"
    """
    place = here()
    known = {
        "KUBECONFIG": place.kubeconfig,
        "CLUSTER_API": place.api_url,
        "CLUSTER_GATEWAY": place.gateway_url,
        "CLUSTER_HOST": place.host,
        "CLUSTER_HOST_NAME": HOST_NAME,
        "CLUSTER_AUDIT": place.logs / "audit.jsonl",
    }
    for key, value in known.items():
        console.print(f"export {key}={value}", highlight=False, soft_wrap=True)
