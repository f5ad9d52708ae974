# SPDX-License-Identifier: Apache-2.0
"""A real API server takes everything (make check-cluster)."""
import contextlib
import copy

import cases_manifests
import deploy_files
import schemas
from cluster import ApiServer, Etcd, Refused, documents, read
from programs import ROOT, until


@contextlib.contextmanager
def server(folder):
    """With the namespaces that the objects name, and with our definitions of the custom kinds."""
    with Etcd(folder) as etcd, ApiServer(folder, etcd) as found:
        for name in ("philotes", deploy_files.NAMESPACE):
            found.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, dry_run=False)
        for definition in schemas.custom_kinds():
            found.apply(definition, dry_run=False)
            spec = definition["spec"]
            sample = {"apiVersion": f"{spec['group']}/{spec['versions'][0]['name']}", "kind": spec["names"]["kind"],
                      "metadata": {"name": "any"}}
            until(lambda one=sample: found.knows(one), f"the kind {spec['names']['kind']}")
        yield found


def pod_of(daemon_set, namespace):
    """As the controller would make it."""
    template = copy.deepcopy(daemon_set["spec"]["template"])
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**template["metadata"], "name": "philoscope-x", "namespace": namespace},
            "spec": template["spec"]}


def is_admitted(found, level, pod):
    """In a namespace of that level of Pod Security."""
    pod = copy.deepcopy(pod)
    pod["metadata"]["namespace"] = level
    found.apply({"apiVersion": "v1", "kind": "Namespace",
                 "metadata": {"name": level, "labels": {"pod-security.kubernetes.io/enforce": level}}}, dry_run=False)
    found.apply({"apiVersion": "v1", "kind": "ServiceAccount",
                 "metadata": {"name": pod["spec"]["serviceAccountName"], "namespace": level}}, dry_run=False)
    try:
        found.apply(pod)
        return True
    except Refused as refused:
        assert "PodSecurity" in str(refused), refused
        return False


def soak_cluster_takes_everything(folder):
    """What the chart gives for each values file, the plain manifests and the ScaledObjects: server-side, as a dry run."""
    count = 0
    with server(folder) as found:
        texts = {values.name: cases_manifests.template("--values", values).stdout for values in cases_manifests.values_files()}
        sources = {name: documents(text) for name, text in texts.items()}
        for path in [*(ROOT / deploy_files.KUBERNETES).glob("*.yaml"), *(ROOT / "deploy/keda").glob("*.yaml")]:
            sources[path.name] = read(path)
        for name, objects in sources.items():
            for document in objects:
                try:
                    found.apply(document)
                except Refused as refused:
                    raise AssertionError(f"{name}: {document['kind']}: {refused}") from None
                count += 1
    print(f"    {count} objects of {len(sources)} files")


def soak_cluster_finds_mistakes(folder):
    """It is asked to be strict, and it is: in a kind of its own and in a custom one."""
    with server(folder) as found:
        daemon_set = cases_manifests.daemon_set()
        [monitor] = [one for one in documents(cases_manifests.template("--set", "podMonitor.enabled=true").stdout)
                     if one["kind"] == "PodMonitor"]
        found.apply(daemon_set)
        found.apply(monitor)
        daemon_set["spec"]["template"]["spec"]["hostPid"] = True
        monitor["spec"]["podMetricsEndpoints"][0]["honourLabels"] = True
        for document in (daemon_set, monitor):
            try:
                found.apply(document)
            except Refused as refused:
                assert "hono" in str(refused) or "hostPid" in str(refused), refused
            else:
                raise AssertionError(f"{document['kind']} with an unknown field was taken")


def soak_cluster_admits_the_pod(folder):
    """Pods of both variants in a namespace of the level that the docs ask for, and in no stricter one."""
    with server(folder) as found:
        for arguments in ((), ("--set", "privileged=false")):
            objects = documents(cases_manifests.template(*arguments).stdout)
            [priority] = [one for one in objects if one["kind"] == "PriorityClass"]
            found.apply(priority, dry_run=False)
            pod = pod_of(cases_manifests.daemon_set(*arguments), "default")
            assert is_admitted(found, "privileged", pod)
            assert not is_admitted(found, "baseline", pod)
