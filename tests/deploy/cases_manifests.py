# SPDX-License-Identifier: Apache-2.0
"""What is made from something else is up to date, and Kubernetes takes all of it."""
import filecmp
import json
import re
import subprocess
import sys
import urllib.error

import yaml

import families
import schemas
from programs import PHILOSCOPE, ROOT, Observer, fetch, until

sys.path.insert(0, str(ROOT / "scripts"))
import deploy_files  # noqa: E402

CHART = ROOT / deploy_files.CHART


def run(*command, text=None):
    return subprocess.run([str(part) for part in command], input=text, capture_output=True, text=True, check=False)


def lint(*arguments):
    return run("helm", "lint", CHART, "--strict", "--kube-version", deploy_files.KUBE_VERSION, *arguments)


def template(*arguments):
    return run("helm", "template", "philoscope", CHART, "--namespace", deploy_files.NAMESPACE, "--kube-version",
               deploy_files.KUBE_VERSION, *arguments)


def kubeconform(schema_folder, *files, text=None):
    return run("kubeconform", "-strict", "-summary", "-schema-location", f"{schema_folder}/{schemas.LOCATION}", *(files or ["-"]),
               text=text)


def values_files():
    found = sorted((ROOT / deploy_files.GOLDEN).glob("*.values.yaml"))
    assert found
    return found


# ---- what is made from something else ----

def files_of(top):
    return {path.relative_to(top) for folder in ("dashboards", deploy_files.KUBERNETES, deploy_files.GOLDEN)
            for path in (top / folder).rglob("*") if path.is_file()}


def case_files_are_what_make_deploy_files_writes(folder):
    """Dashboards, the plain manifests, and what the chart gives for each values file."""
    deploy_files.generate(folder)
    made = files_of(folder)
    written = [path for path in made if not filecmp.cmp(folder / path, ROOT / path, shallow=False)] if made <= files_of(ROOT) else made
    assert not written, f"differ, or are missing: {sorted(map(str, written))}; make deploy-files"
    known = {path for path in files_of(ROOT) if not path.name.endswith(".values.yaml") and path.parts[0] != "dashboards"}
    assert known <= made, f"nobody makes {sorted(map(str, known - made))}"


# ---- the chart ----

def case_helm_lint(_):
    for values in values_files():
        done = lint("--values", values)
        assert done.returncode == 0 and "WARNING" not in done.stdout, f"{values.name}: {done.stdout}{done.stderr}"


# What the schema of the values is there for: each of these is a mistake.
MISTAKES = (
    "privileged=maybe", "privilegd=true", "state.onStop=delete", "state.folder=a/b", "metrics.port=0", "metrics.namespace=9a",
    "metrics.maxSeries=0", "collectors.kafka=true", "extraCapabilities={CAP_SYS_ADMIN}", "updateStrategy.rollingUpdate.maxSurge=1",
    "image.digest=sha256:1", "podMonitor.interval=15", "web.scheme=ftp", "extraArgs={log.level}", "log.format=xml", "identity.ttl=1d",
    "identity.ttl=0m", "metrics.path=/", "metrics.path=/a?b",
)


def case_values_that_are_mistakes(_):
    for mistake in MISTAKES:
        option = "--set-string" if mistake.endswith("maybe") else "--set"
        done = template(option, mistake)
        assert done.returncode and "values don't meet the specifications" in done.stderr, f"{mistake} was taken: {done.stderr}"


def case_a_service_monitor_needs_the_service(_):
    done = template("--set", "serviceMonitor.enabled=true,service.enabled=false")
    assert done.returncode and "serviceMonitor needs service.enabled" in done.stderr


def objects(kind, *arguments):
    return [found for found in yaml.safe_load_all(template(*arguments).stdout) if found and found["kind"] == kind]


def case_the_chart_carries_rules_and_dashboards(_):
    """All of them, as the files are; with another first word of the metrics, they ask for that."""
    written = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "dashboards").glob("*.json")}
    rules = (ROOT / deploy_files.RULES).read_text(encoding="utf-8")
    for word in ("philotes", "lotes"):
        arguments = ("--set", f"prometheusRule.enabled=true,dashboards.enabled=true,metrics.namespace={word}")
        [rule] = objects("PrometheusRule", *arguments)
        assert rule["spec"] == yaml.safe_load(rules.replace("philotes_", f"{word}_"))
        found = {}
        for config in objects("ConfigMap", *arguments):
            found.update(config["data"])
        expected = {name: json.loads(text.replace("philotes_", f"{word}_")) for name, text in written.items()}
        assert {name: json.loads(text) for name, text in found.items()} == expected


def daemon_set(*arguments):
    [found] = objects("DaemonSet", *arguments)
    return found


def container(*arguments):
    return daemon_set(*arguments)["spec"]["template"]["spec"]["containers"][0]


def known_flags():
    """Spelled as --help spells them."""
    return set(re.findall(r"--[a-z][a-z0-9.-]*", run(PHILOSCOPE, "--help").stdout))


def case_every_flag_of_the_chart_is_one_of_philoscope(_):
    for values in values_files():
        used = {argument.split("=")[0] for argument in container("--values", values)["args"]}
        assert used <= known_flags(), f"{values.name}: philoscope knows no {sorted(used - known_flags())}"


def case_every_family_can_be_switched_off(_):
    """By the chart as by philoscope."""
    off = ",".join(f"collectors.{family}=false" for family in families.ALL if family != families.OWN)
    flags = {flag for flag in container("--set", off)["args"] if flag.startswith("--no-collector.")}
    assert flags == {flag for flag in known_flags() if flag.startswith("--no-collector.")}


def case_rights_of_the_pod(_):
    """Privileged, or four capabilities; in either case a root that can't be written to and no token."""
    for arguments in ((), ("--set", "privileged=false")):
        pod = daemon_set(*arguments)["spec"]["template"]["spec"]
        context = pod["containers"][0]["securityContext"]
        assert pod["hostPID"] and not pod["automountServiceAccountToken"] and not pod.get("hostNetwork")
        assert context["readOnlyRootFilesystem"] and context["privileged"] == (not arguments)
        if arguments:
            assert context["capabilities"] == {"drop": ["ALL"], "add": ["BPF", "PERFMON", "SYS_PTRACE", "DAC_READ_SEARCH"]}
            assert context["allowPrivilegeEscalation"] is False
        writable = [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"] if not mount.get("readOnly")]
        assert writable == ["/sys/fs/bpf"]


def case_probes_are_answered(_):
    """What kubelet would ask, by the chart's own port name and paths."""
    found = container()
    probes = [found[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")]
    assert {probe["port"] for probe in probes} == {found["ports"][0]["name"]}
    assert f"--web.listen-address=:{found['ports'][0]['containerPort']}" in found["args"]
    with Observer() as observer:
        for probe in probes:
            until(lambda path=probe["path"]: answers(observer.port, path), probe["path"])


def answers(port, path):
    try:
        return fetch(port, path) is not None
    except urllib.error.HTTPError as error:
        assert error.code == 503, f"{path}: {error}"
        return False


# ---- kubeconform ----

def case_kubernetes_takes_everything(folder):
    """With the OpenAPI file of a current release and definitions of our own for the custom kinds; unknown fields are errors."""
    assert schemas.write_kubernetes(folder) > 100
    schemas.write_custom(folder)
    for values in values_files():
        done = kubeconform(folder, text=template("--values", values).stdout)
        assert done.returncode == 0 and "Skipped: 0" in done.stdout, f"{values.name}: {done.stdout}{done.stderr}"
    files = [*(ROOT / deploy_files.KUBERNETES).glob("*.yaml"), *(ROOT / "deploy/keda").glob("*.yaml")]
    done = kubeconform(folder, *files)
    assert done.returncode == 0 and "Skipped: 0" in done.stdout, done.stdout + done.stderr


def case_kubeconform_finds_mistakes(folder):
    """A kind without a schema, a field that is not there, a value of another type: in our kinds and in those of Kubernetes."""
    schemas.write_kubernetes(folder)
    schemas.write_custom(folder)
    good = template("--set", "podMonitor.enabled=true").stdout
    assert kubeconform(folder, text=good).returncode == 0
    for old, new in (("kind: PodMonitor", "kind: Podmonitors"), ("honorLabels: true", "honourLabels: true"),
                     ("hostPID: true", "hostPid: true"), ("honorLabels: true", "honorLabels: maybe"),
                     ("containerPort: 10414", "containerPort: metrics"), ("apiVersion: apps/v1", "apiVersion: apps/v2")):
        assert old in good
        assert kubeconform(folder, text=good.replace(old, new)).returncode, f"{new} was taken"
