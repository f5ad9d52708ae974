# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes API server of the test's own with its etcd, on the loopback: nodes and pods it has none."""
import json
import pathlib
import secrets
import ssl
import subprocess
import urllib.error
import urllib.request

import yaml

from programs import HANG_GUARD, Program, Skip, free_ports, until
from schemas import TOOLS


def tool(name):
    path = TOOLS / name
    if not path.exists():
        raise Skip(f"there is no {name}: scripts/setup cluster")
    return str(path)


class Refused(Exception):
    """The API server's words."""


class Etcd(Program):
    def __init__(self, folder):
        self.port, peer = free_ports(2)
        mine, peers = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{peer}"
        super().__init__([tool("etcd"), "--data-dir", str(folder / "etcd"), "--listen-client-urls", mine, "--advertise-client-urls", mine,
                          "--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers,
                          "--initial-cluster", f"default={peers}"], stdout=subprocess.DEVNULL)


class ApiServer(Program):
    def __init__(self, folder, etcd):
        [self.port], self.token = free_ports(1), secrets.token_hex(16)
        self.certificate = folder / "certificates/apiserver.crt"
        key, tokens = folder / "key.pem", folder / "tokens.csv"
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
        tokens.write_text(f"{self.token},admin,admin,system:masters\n", encoding="ascii")
        self.paths = {}
        super().__init__([
            tool("kube-apiserver"), f"--etcd-servers=http://127.0.0.1:{etcd.port}", f"--secure-port={self.port}",
            "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", f"--cert-dir={self.certificate.parent}",
            f"--token-auth-file={tokens}", "--authorization-mode=RBAC", "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}",
            "--service-cluster-ip-range=10.96.0.0/24", "--allow-privileged=true"], stdout=subprocess.DEVNULL)

    def __enter__(self):
        until(lambda: self.process.poll() is not None or self._is_ready(), "the API server")
        assert self.process.poll() is None, "".join(self.log[-20:])
        return self

    def _is_ready(self):
        try:
            return self.certificate.exists() and self.ask("GET", "/readyz", parse=bytes) == b"ok"
        except (Refused, OSError):
            return False

    def ask(self, method, path, body=None, kind="application/json", parse=json.loads):
        request = urllib.request.Request(f"https://127.0.0.1:{self.port}{path}", method=method, data=body, headers={
            "Authorization": f"Bearer {self.token}", "Content-Type": kind})
        context = ssl.create_default_context(cafile=str(self.certificate))
        try:
            with urllib.request.urlopen(request, timeout=HANG_GUARD, context=context) as answer:
                return parse(answer.read())
        except urllib.error.HTTPError as error:
            raise Refused(f"{method} {path}: {error.read().decode()}") from None

    def _path(self, document):
        """Where objects of this kind are: as the server itself lists its kinds."""
        version, kind = document["apiVersion"], document["kind"]
        top = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if (version, kind) not in self.paths:
            for resource in self.ask("GET", top)["resources"]:
                if "/" not in resource["name"]:
                    self.paths[version, resource["kind"]] = (resource["name"], resource["namespaced"])
        if (version, kind) not in self.paths:
            raise Refused(f"no kind {kind} in {version}")
        name, namespaced = self.paths[version, kind]
        namespace = f"/namespaces/{document['metadata'].get('namespace', 'default')}" if namespaced else ""
        return f"{top}{namespace}/{name}/{document['metadata']['name']}"

    def apply(self, document, dry_run=True):
        """Server-side apply; a field that the kind does not have is an error."""
        dry = "&dryRun=All" if dry_run else ""
        return self.ask("PATCH", f"{self._path(document)}?fieldManager=test&fieldValidation=Strict{dry}",
                        yaml.safe_dump(document).encode(), "application/apply-patch+yaml")

    def knows(self, document):
        try:
            return bool(self._path(document))
        except Refused:
            return False


def documents(text):
    return [document for document in yaml.safe_load_all(text) if document]


def read(path):
    return documents(pathlib.Path(path).read_text(encoding="utf-8"))
