# SPDX-License-Identifier: Apache-2.0
"""
JSON schemas for kubeconform, one file for each kind: out of Kubernetes' OpenAPI file, and out of our definitions of custom kinds.
Strict: a field that the kind does not have is an error.
"""
import json
import os
import pathlib
import re

import yaml

HERE = pathlib.Path(__file__).resolve().parent
TOOLS = pathlib.Path(os.environ.get("PHILOSCOPE_CACHE", "/var/cache/philoscope")) / "tools"
LOCATION = "{{ .ResourceKind }}{{ .KindSuffix }}.json"
REFERENCE = "#/definitions/"


def file_name(kind, group, version):
    """As LOCATION names it."""
    parts = [kind.lower(), *([group.split(".")[0]] if group else []), version]
    return "-".join(parts).lower() + ".json"


def strict(schema):
    """A copy that knows no other fields than those it lists, and the two formats that OpenAPI has and JSON Schema has not."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "int-or-string" or schema.get("x-kubernetes-int-or-string"):
        return {"type": ["string", "integer"]}
    found = {key: strict(value) for key, value in schema.items() if not key.startswith("x-") and key != "format"}
    is_open = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if isinstance(schema.get("properties"), dict) and not is_open:
        found["additionalProperties"] = False
    return found


def reachable(definitions, name):
    """The definitions that one needs, itself included."""
    found, waiting = {}, [name]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found[current] = definitions[current]
            waiting += re.findall(rf'"\$ref": "{REFERENCE}([^"]+)"', json.dumps(found[current]))
    return found


def quantities(definitions):
    """Quantities may be written as numbers."""
    definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"] = {"type": ["string", "number"]}
    return definitions


def write_kubernetes(folder):
    definitions = json.loads((TOOLS / "kubernetes-api/swagger.json").read_text(encoding="utf-8"))["definitions"]
    kinds = [(kind, name) for name, schema in definitions.items() for kind in schema.get("x-kubernetes-group-version-kind", ())]
    definitions = quantities(strict(definitions))
    for kind, name in kinds:
        schema = {"$ref": REFERENCE + name, "definitions": reachable(definitions, name)}
        (folder / file_name(kind["kind"], kind["group"], kind["version"])).write_text(json.dumps(schema), encoding="utf-8")
    return len(kinds)


def custom_kinds():
    """Our definitions, as the API server takes them."""
    return [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted((HERE / "definitions").glob("*.yaml"))]


def write_custom(folder):
    for definition in custom_kinds():
        spec = definition["spec"]
        for version in spec["versions"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = {"type": "object"}
            (folder / file_name(spec["names"]["kind"], spec["group"], version["name"])).write_text(
                json.dumps(schema), encoding="utf-8")
