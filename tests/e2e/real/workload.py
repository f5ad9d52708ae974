# SPDX-License-Identifier: Apache-2.0
"""Row changes whose number is known: by arithmetic here, and by the server's command tags."""

from collections import Counter

from pgwire import SqlError, quote_identifier

# Names are chosen so that folding, quoting or escaping a label would show.
TABLES = (("public", "orders"), ("sales", "customers"), ("Sales EU", "Line Items"))
OPERATIONS = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")
_KEY_SHIFT = 1_000_000


def label(table):
    return ".".join(table)


def sql_name(table):
    return ".".join(quote_identifier(part) for part in table)


def create_tables(db, tables=TABLES):
    for schema, name in tables:
        db.execute(f"CREATE SCHEMA IF NOT EXISTS {quote_identifier(schema)};"
                   f"CREATE TABLE {sql_name((schema, name))} (id bigint PRIMARY KEY, note text)")


class Workload:
    """Executes changes on one session and keeps `expected`: {(table label, operation): rows}."""

    def __init__(self, db):
        self._db = db
        self._next_id = {}
        self.expected = Counter()

    def total(self):
        return sum(self.expected.values())

    def tables(self):
        return sorted({table for table, _ in self.expected})

    def _count(self, table, operation, wanted, sql):
        changed = self._db.changed(sql)
        if changed != wanted:
            raise AssertionError(f"{sql!r} changed {changed} rows, {wanted} were meant")
        self.expected[label(table), operation] += wanted

    def _take_ids(self, table, rows):
        first = self._next_id.get(table, 1)
        self._next_id[table] = first + rows
        return first, first + rows - 1

    def _insert_sql(self, table, rows):
        first, last = self._take_ids(table, rows)
        return (f"INSERT INTO {sql_name(table)} "
                f"SELECT i, 'row ' || i FROM generate_series({first}, {last}) i")

    def insert(self, table, rows):
        """One statement, `rows` rows, a transaction of its own unless one is open."""
        self._count(table, "INSERT", rows, self._insert_sql(table, rows))

    def insert_singly(self, table, rows):
        for _ in range(rows):
            self.insert(table, 1)

    def _some_ids(self, table, rows):
        return f"id IN (SELECT id FROM {sql_name(table)} ORDER BY id LIMIT {rows})"

    def update(self, table, rows):
        self._count(table, "UPDATE", rows, f"UPDATE {sql_name(table)} SET note = note || '!' "
                    f"WHERE {self._some_ids(table, rows)}")

    def update_keys(self, table, rows):
        """A changed key is one UPDATE, not a DELETE and an INSERT."""
        self._count(table, "UPDATE", rows, f"UPDATE {sql_name(table)} SET id = id + "
                    f"{_KEY_SHIFT} WHERE {self._some_ids(table, rows)}")

    def delete(self, table, rows):
        self._count(table, "DELETE", rows,
                    f"DELETE FROM {sql_name(table)} WHERE {self._some_ids(table, rows)}")

    def truncate(self, *tables):
        """One event per table, however many rows go."""
        self._db.execute("TRUNCATE " + ", ".join(sql_name(table) for table in tables))
        for table in tables:
            self.expected[label(table), "TRUNCATE"] += 1

    def roll_back(self, table, rows):
        """Changes of every kind that never happened."""
        name = sql_name(table)
        self._db.execute(f"BEGIN; {self._insert_sql(table, rows)}; UPDATE {name} SET note = 'no'; "
                         f"DELETE FROM {name}; TRUNCATE {name}; ROLLBACK")

    def fail(self, table, rows):
        """A statement that fails half-way leaves nothing."""
        name = sql_name(table)
        try:
            self._db.execute(f"INSERT INTO {name} SELECT nullif(-i, -{rows}), 'x' "
                             f"FROM generate_series(1, {rows}) i")
        except SqlError:
            return
        raise AssertionError("a NULL key was accepted")

    def roll_back_to_savepoint(self, table, kept, undone):
        self._db.execute("BEGIN")
        self.insert(table, kept)
        self._db.execute(f"SAVEPOINT s; {self._insert_sql(table, undone)}; ROLLBACK TO s")
        self._db.execute("COMMIT")

    def run_mixed_on(self, table, rows):
        """All operations on one table."""
        self.insert(table, rows)
        self.roll_back(table, 20)
        self.update(table, rows // 2)
        self.delete(table, rows // 3)
        self.truncate(table)
        self.insert_singly(table, 3)

    def run_mixed(self, rows):
        """Everything above on all tables, interleaved; the last event of each table is an INSERT."""
        for factor, table in enumerate(TABLES, 1):
            self.insert(table, rows * factor)
            self.roll_back(table, 50)
        for factor, table in enumerate(TABLES, 1):
            self.insert_singly(table, 5 * factor)
            self.update(table, rows // 2)
            self.update_keys(table, 3 * factor)
            self.fail(table, 40)
        for factor, table in enumerate(TABLES, 1):
            self.delete(table, rows // 4 + factor)
            self.roll_back_to_savepoint(table, 4 * factor, 9)
        for table in TABLES:
            self.truncate(table)
            self.insert(table, 7)
        self.truncate(*TABLES[:2])
        for factor, table in enumerate(TABLES, 1):
            self.insert_singly(table, factor)
