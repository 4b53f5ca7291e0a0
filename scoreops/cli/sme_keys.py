"""`scoreops sme keys issue|revoke|list`: who may read a company over the REST API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from scoreops.cli.output import JsonFlag, console, emit, handled, table
from scoreops.cli.sme_app import sme

if TYPE_CHECKING:
    from scoreops.adapters.org_keys import OrgKeys

keys: Final = typer.Typer(no_args_is_help=True, help="Keys of the REST API; each opens one company.")
sme.add_typer(keys, name="keys")
Org = Annotated[str, typer.Argument(help="The company.", show_default=False)]


@keys.command()
@handled
def issue(org: Org, *, as_json: JsonFlag = False) -> None:
    """Make a key that reads one company. It is shown this once: only its digest is kept.

    Example: scoreops sme keys issue org-000
    """
    from feature_repo.sme.gold import orgs
    from scoreops.adapters.settings import Settings
    from scoreops.core.errors import NotFound

    settings = Settings()
    if org not in orgs(settings):
        raise NotFound(f"there is no company {org!r}")
    key = _keys().issue(org)
    if as_json:
        emit({"org": org, "key": key})
    else:
        console.print(key, highlight=False, soft_wrap=True)


@keys.command()
@handled
def revoke(org: Org, *, as_json: JsonFlag = False) -> None:
    """Let every key of a company open nothing any longer.

    Example: scoreops sme keys revoke org-000
    """
    count = _keys().revoke(org)
    if as_json:
        emit({"org": org, "revoked": count})
    else:
        console.print(f"{count} keys of {org} open nothing any longer")


@keys.command("list")
@handled
def list_(*, as_json: JsonFlag = False) -> None:
    """Tell how many keys each company has.

    Example: scoreops sme keys list
    """
    found = _keys().counts()
    if as_json:
        emit(found)
    else:
        table("Keys", ("company", "keys"), list(found.items()))


def _keys() -> OrgKeys:
    from scoreops.adapters.org_keys import org_keys
    from scoreops.adapters.settings import Settings

    return org_keys(Settings())
