# SPDX-License-Identifier: Apache-2.0
"""Certificates for a test, by the openssl program, and clients that show them."""
import http.client
import ssl
import subprocess

from programs import HANG_GUARD


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=HANG_GUARD)


class Authority:
    """Issues certificates into a folder: NAME.crt and NAME.key."""

    def __init__(self, folder, name="ca"):
        self.folder, self.name = folder, name
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", 2, "-subj",
                f"/CN=test {name}", "-keyout", folder / f"{name}.key", "-out", self.certificate)

    @property
    def certificate(self):
        return self.folder / f"{self.name}.crt"

    def issue(self, name, usage, names):
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
                "-keyout", self.folder / f"{name}.key", "-out", request)
        extensions.write_text(f"extendedKeyUsage={usage}\nsubjectAltName={names}\n", encoding="utf-8")
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.folder / f"{self.name}.key",
                "-CAcreateserial", "-days", 2, "-extfile", extensions, "-out", self.folder / f"{name}.crt")
        return self.folder / f"{name}.crt", self.folder / f"{name}.key"

    def server(self, name="server"):
        return self.issue(name, "serverAuth", "IP:127.0.0.1,DNS:localhost")

    def client(self, name, names="DNS:scraper"):
        return self.issue(name, "clientAuth", names)


def context(authority, pair=None, version=None):
    """What a client trusts, shows and speaks."""
    made = ssl.create_default_context(cafile=authority.certificate)
    if pair:
        made.load_cert_chain(*pair)
    if version:
        # Also versions that this machine's OpenSSL would not speak by itself.
        made.set_ciphers("ALL:@SECLEVEL=0")
        made.minimum_version = made.maximum_version = version
    return made


def fetch(port, client, path="/metrics", **headers):
    """(status, body, headers, TLS version, the server's certificate) of one request; raises what TLS raises."""
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=client, timeout=HANG_GUARD)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, body, answer.headers, connection.sock and connection.sock.version(), None
    finally:
        connection.close()
