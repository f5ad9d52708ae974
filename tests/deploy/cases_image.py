# SPDX-License-Identifier: Apache-2.0
"""The container image: what is in it, that it is the same wherever it is built, and that philoscope runs from it as on the host."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tarfile

import cases_manifests
import cases_web
import certificates
import containers
from containers import Containerd
from programs import PHILOSCOPE, ROOT

BUILT = pathlib.Path(PHILOSCOPE).parent / "image"
MOST_BYTES = 25_000_000
DOCS = "usr/share/doc/"


def make(folder, *targets):
    done = subprocess.run(["make", "-j2", *targets], cwd=folder, capture_output=True, text=True, check=False,
                          env={key: value for key, value in os.environ.items() if not key.startswith("MAKE")})
    assert done.returncode == 0, done.stdout + done.stderr


def archive():
    """The image of this tree, made when it is asked for first."""
    if not hasattr(archive, "made"):
        make(ROOT, "image", f"O={os.path.relpath(BUILT.parent, ROOT)}")
        archive.made = BUILT / "philoscope.oci.tar"
    return archive.made


class Image:
    """What an OCI archive holds."""

    def __init__(self, path):
        self.tar = tarfile.open(path)
        self.manifest = self.blob(json.load(self.tar.extractfile("index.json"))["manifests"][0])
        self.config = self.blob(self.manifest["config"])
        self.sizes = [layer["size"] for layer in self.manifest["layers"]]

    def raw(self, descriptor):
        content = self.tar.extractfile("blobs/" + descriptor["digest"].replace(":", "/")).read()
        assert hashlib.sha256(content).hexdigest() == descriptor["digest"].split(":")[1]
        return content

    def blob(self, descriptor):
        return json.loads(self.raw(descriptor))

    def files(self, folder):
        """{path: content} of all layers."""
        found = {}
        for number, layer in enumerate(self.manifest["layers"]):
            path = folder / f"layer{number}"
            path.write_bytes(self.raw(layer))
            with tarfile.open(path) as layered:
                found.update({member.name: layered.extractfile(member).read() for member in layered if member.isfile()})
        return found


def case_image_holds_what_philoscope_links(folder):
    """The loader's list and nothing else but licences and the list of contents; small; its times are one time."""
    image = Image(archive())
    programs = {path for path in image.files(folder) if not path.startswith(DOCS)}
    assert programs == {"usr/bin/philoscope", *(path.lstrip("/") for path in containers.libraries(PHILOSCOPE))}
    assert sum(image.sizes) <= MOST_BYTES, f"{sum(image.sizes)} bytes"
    assert image.config["config"]["Entrypoint"] == ["/usr/bin/philoscope"]
    print(f"    {sum(image.sizes) / 1e6:.1f} MB compressed, {len(programs)} files")


def case_image_says_what_is_in_it(folder):
    """SPDX: each program file with its checksum and package, each package as dpkg has it, no reference that leads nowhere."""
    files = Image(archive()).files(folder)
    document = json.loads(files[f"{DOCS}philoscope/sbom.spdx.json"])
    assert document == json.loads((BUILT / "sbom.spdx.json").read_text(encoding="utf-8"))
    assert document["spdxVersion"] == "SPDX-2.3" and document["SPDXID"] == "SPDXRef-DOCUMENT" and document["documentNamespace"]
    listed = {file["fileName"].removeprefix("./"): file for file in document["files"]}
    assert set(listed) == {path for path in files if not path.startswith(DOCS)}
    for path, file in listed.items():
        sums = {entry["algorithm"]: entry["checksumValue"] for entry in file["checksums"]}
        assert sums == {"SHA256": hashlib.sha256(files[path]).hexdigest(), "SHA1": hashlib.sha1(files[path]).hexdigest()}, path
    known = {"SPDXRef-DOCUMENT", *(part["SPDXID"] for part in document["files"] + document["packages"])}
    named = {relation[end] for relation in document["relationships"] for end in ("spdxElementId", "relatedSpdxElement")}
    assert named == known, named ^ known
    contained = {relation["relatedSpdxElement"] for relation in document["relationships"] if relation["relationshipType"] == "CONTAINS"}
    assert contained == {file["SPDXID"] for file in document["files"]}
    for package in document["packages"]:
        if package["name"] != "philoscope":
            version = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package["name"]], capture_output=True, text=True,
                                     check=True).stdout
            assert package["versionInfo"] == version, package
            assert f"{DOCS}{package['name']}/copyright" in files


def case_image_is_the_same_from_another_folder(folder):
    """Another clone of the same sources, elsewhere: the same digest."""
    digest = (archive().parent / "digest").read_text(encoding="ascii")
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True,
                            check=True).stdout.split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)

    def git(*arguments):
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    os.environ["SOURCE_DATE_EPOCH"] = git("log", "-1", "--format=%ct")
    try:
        make(folder, "image", "O=other", "REVISION=" + git("describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"))
    finally:
        del os.environ["SOURCE_DATE_EPOCH"]
    assert (folder / "other/image/digest").read_text(encoding="ascii") == digest


# ---- it runs ----

PRIVILEGED = ["--privileged", "--read-only"]


def imported(containerd):
    """Its name there."""
    containerd.ctr("images", "import", "--base-name", "philoscope", str(archive()))
    return containerd.ctr("images", "ls", "--quiet").strip()


def case_image_serves_tls(folder):
    """With the Secret of web.configSecret, where and as the chart mounts it."""
    chart = cases_manifests.container("--set", "web.configSecret=web")
    [flag] = [argument for argument in chart["args"] if argument.startswith("--web.config.file=")]
    [where] = [mount["mountPath"] for mount in chart["volumeMounts"] if mount["name"] == "web"]
    assert flag == f"--web.config.file={where}/web-config.yml"
    secret = folder / "secret"
    secret.mkdir()
    authority = certificates.Authority(folder)
    for file in authority.server():
        shutil.copy(file, secret)
    (secret / "web-config.yml").write_text("tls_server_config: {cert_file: server.crt, key_file: server.key}\n"
                                           f"basic_auth_users: {{bob: {cases_web.OTHER}}}\n", encoding="utf-8")
    mount = ["--mount", f"type=bind,src={secret},dst={where},options=rbind:ro"]
    with Containerd(folder) as containerd, \
            containerd.observer(imported(containerd), flag, options=[*PRIVILEGED, *mount], binary="/usr/bin/philoscope") as observer:
        client = certificates.context(authority)
        for password, expected in (("other", 200), ("secret", 401)):
            status, body, *_ = certificates.fetch(observer.port, client, Authorization=cases_web.basic("bob", password))
            assert status == expected and (status != 200 or b"philoscope_build_info" in body), status
