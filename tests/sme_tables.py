"""Every table of a warehouse, to compare; and the compiled project as plain SQL, to run without dbt."""

from __future__ import annotations

import json

import duckdb

from feature_repo.sme.warehouse import reading, warehouse_file


def tables(place) -> dict[str, list[tuple]]:
    """Rows of every silver and gold table, in one order."""
    with reading(place.settings) as db:
        return _rows(db)


def _rows(db) -> dict[str, list[tuple]]:
    names = db.execute(
        "select table_schema || '.' || table_name from information_schema.tables"
        " where table_schema in ('silver', 'gold') order by 1"
    ).fetchall()
    return {name: db.execute(f"select * from {name} order by all").fetchall() for (name,) in names}


def of_org(place_tables, org, columns):
    """Of each table that has an org_id, the rows of one company."""
    return {
        name: [row for row in rows if row[columns[name].index("org_id")] == org]
        for name, rows in place_tables.items()
        if "org_id" in columns[name]
    }


def columns_of(place) -> dict[str, list[str]]:
    with reading(place.settings) as db:
        found: dict[str, list[str]] = {}
        for table, column in db.execute(
            "select table_schema || '.' || table_name, column_name from information_schema.columns"
            " order by ordinal_position"
        ).fetchall():
            found.setdefault(table, []).append(column)
        return found


def compiled(place) -> list[tuple[str, str]]:
    """(schema.table, SQL) of every model, each after what it reads; from the newest build, which must be a full one."""
    folder = place.home / "sme" / "dbt" / "duckdb"
    nodes = {
        name: node
        for name, node in json.loads((folder / "manifest.json").read_text())["nodes"].items()
        if node["resource_type"] == "model"
    }
    found, done = [], set()
    while len(done) < len(nodes):
        for name, node in nodes.items():
            needs = {other for other in node["depends_on"]["nodes"] if other in nodes}
            if name not in done and needs <= done:
                sql = (folder / "compiled" / "sme_pulse" / node["original_file_path"]).read_text()
                found.append((f"{node['schema']}.{node['name']}", sql))
                done.add(name)
    return found


def run_compiled(place, models, change) -> dict[str, list[tuple]]:
    """All tables after `change(db)` has altered bronze, without touching the place."""
    with duckdb.connect(":memory:", config={"threads": 1}) as db:
        db.execute("attach ':memory:' as warehouse")
        db.execute(f"attach '{warehouse_file(place.settings)}' as kept (read_only)")
        for (name,) in db.execute(
            "select table_schema || '.' || table_name from information_schema.tables where table_catalog = 'kept'"
            " and table_schema in ('bronze', 'seeds', 'predictions', 'external')"
        ).fetchall():
            db.execute(f"create schema if not exists warehouse.{name.partition('.')[0]}")
            db.execute(f"create table warehouse.{name} as select * from kept.{name}")
        db.execute("detach kept; create schema warehouse.silver; create schema warehouse.gold; use warehouse")
        change(db)
        for name, sql in models:
            db.execute(f"create table warehouse.{name} as {sql}")
        return _rows(db)
