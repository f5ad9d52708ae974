# SPDX-License-Identifier: Apache-2.0
"""The part of the Iceberg REST catalog that a writer of appended files asks for.

Paths: /catalog/v1/{warehouse}/namespaces[/{namespace}[/tables[/{table}]]].
"""

import json
from urllib.parse import unquote, urlsplit

from standin_http import Standin

_JSON = {"Content-Type": "application/json"}


class Catalog(Standin):
    """`tables` holds {(namespace, table): request body that made it}; `commits` the
    (namespace, table, commit body) in order."""

    def __init__(self):
        self.namespaces = set()
        self.tables = {}
        self.commits = []
        super().__init__()

    def answer(self, request):
        parts = [unquote(part) for part in urlsplit(request.path).path.strip("/").split("/")]
        if parts[:2] != ["catalog", "v1"] or len(parts) < 4 or parts[3] != "namespaces":
            return _answer(404, {"error": "no such route"})
        body = json.loads(request.body) if request.body else {}
        return _HANDLERS.get((request.command, len(parts)), _unknown)(self, parts[4:], body)

    def appended_files(self, table):
        """The data files of all commits to `table`, as (rows, bytes)."""
        return [(int(file["record-count"]), int(file["file-size-in-bytes"]))
                for _, name, body in self.commits if name == table
                for update in body.get("updates", [])
                for file in update.get("append", {}).get("data-files", [])]

    def _get_namespace(self, parts, _):
        return _answer(200 if parts[0] in self.namespaces else 404, {"namespace": parts})

    def _make_namespace(self, _, body):
        self.namespaces.add(".".join(body["namespace"]))
        return _answer(200, body)

    def _get_table(self, parts, _):
        known = (parts[0], parts[2]) in self.tables
        return _answer(200 if known else 404, {"metadata": {"format-version": 2}} if known else {})

    def _make_table(self, parts, body):
        self.tables[parts[0], body["name"]] = body
        return _answer(200, {"metadata": {"format-version": 2}})

    def _commit(self, parts, body):
        if (parts[0], parts[2]) not in self.tables:
            return _answer(404, {})
        self.commits.append((parts[0], parts[2], body))
        return _answer(200, {})


def _answer(status, body):
    return status, _JSON, json.dumps(body).encode()


def _unknown(*_):
    return _answer(405, {})


# By method and number of path elements.
_HANDLERS = {
    ("POST", 4): Catalog._make_namespace,
    ("GET", 5): Catalog._get_namespace,
    ("POST", 6): Catalog._make_table,
    ("GET", 7): Catalog._get_table,
    ("POST", 7): Catalog._commit,
}
