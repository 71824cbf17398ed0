"""Opens every table of a run with pyarrow and DuckDB, which know nothing of Starling, and checks the rows against the commits.

    python open_tables.py runs/overcooked_v2/quick/RUN

One line per table: name, rows, parts, columns. Exit status 1 and a message on stderr if anything differs.
"""

import json
import sys
from pathlib import Path

import duckdb
import pyarrow.dataset


def committed_parts(run):
    """Table name -> [(file, rows)] in row order, from the commits alone."""
    tables = {}
    commits = sorted((run / "commits").glob("*.json"))
    if not commits:
        sys.exit(f"{run} has no commit")
    for path in commits:
        for part in json.loads(path.read_text())["parts"]:
            tables.setdefault(part["table"], []).append((str(run / part["file"]), part["rows"]))
    return tables


def check(name, parts):
    files, rows = [file for file, _ in parts], sum(rows for _, rows in parts)
    table = pyarrow.dataset.dataset(files, format="parquet").to_table()
    quoted = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    relation = duckdb.sql(f"select * from read_parquet([{quoted}])")
    problems = []
    if table.num_rows != rows:
        problems.append(f"pyarrow finds {table.num_rows} rows")
    count, ticks = relation.aggregate("count(*), sum(tick)").fetchall()[0]
    if count != rows:
        problems.append(f"DuckDB finds {count} rows")
    if table.column_names != relation.columns:
        problems.append(f"other columns: {table.column_names} and {relation.columns}")
    if rows and sum(table["tick"].to_pylist()) != ticks:
        problems.append("the ticks that pyarrow and DuckDB read differ")
    for field in table.schema:
        if not (field.metadata or {}).get(b"doc"):
            problems.append(f"column {field.name} has no documentation in its metadata")
    print(f"{name}: {rows} rows, {len(files)} parts, {', '.join(f'{f.name} {f.type}' for f in table.schema)}")
    return [f"{name}: the commits say {rows} rows: {problem}" for problem in problems]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    tables = committed_parts(Path(sys.argv[1]))
    problems = [problem for name, parts in sorted(tables.items()) for problem in check(name, parts)]
    print(f"pyarrow {pyarrow.__version__} and DuckDB {duckdb.__version__} opened {len(tables)} tables")
    if problems or not tables:
        sys.exit("\n".join(problems) or "the commits name no table")


main()
