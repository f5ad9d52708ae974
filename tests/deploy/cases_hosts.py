# SPDX-License-Identifier: Apache-2.0
"""Beyond a cluster: the systemd unit and the compose files. No systemd runs here as pid 1, no Docker and no Grafana."""
import json
import os
import re
import socket
import subprocess
import sys

import yaml

import cases_manifests
import cases_web
import certificates
import image_rights
from programs import PHILOSCOPE, ROOT, Observer, Worker, until

UNIT = ROOT / "deploy/systemd/philoscope.service"
COMPOSE = ROOT / "deploy/compose/compose.yaml"
# The exposure level that docs/systemd.md states.
EXPOSURE = 2.6


def run(*command):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)


# ---- systemd ----

def unit(folder):
    """The unit, with philoscope where it is here."""
    text = UNIT.read_text(encoding="utf-8")
    path = folder / UNIT.name
    path.write_text(text.replace("/usr/bin/philoscope", os.path.abspath(PHILOSCOPE)), encoding="utf-8")
    return path


def setting(name):
    """All words of the unit's lines of this name."""
    return [word for value in re.findall(rf"^{name}=(.*)$", UNIT.read_text(encoding="utf-8"), re.M) for word in value.split()]


def case_unit_is_valid(folder):
    done = run("systemd-analyze", "verify", "--man=no", unit(folder))
    assert done.returncode == 0 and not done.stderr.strip(), done.stderr
    broken = unit(folder)
    broken.write_text(broken.read_text(encoding="utf-8").replace("ProtectHome=yes", "ProtectHome=perhaps"), encoding="utf-8")
    assert run("systemd-analyze", "verify", "--man=no", broken).stderr.strip(), "a mistake was not found"


def case_unit_is_as_closed_as_the_docs_say(folder):
    """systemd's own measure; and the docs state it."""
    done = run("systemd-analyze", "security", "--offline=true", "--no-pager", unit(folder))
    level = float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)[1])
    assert level == EXPOSURE, level
    assert f"{EXPOSURE}" in (ROOT / "docs/systemd.md").read_text(encoding="utf-8")


def case_unit_and_chart_ask_for_the_same_rights(_):
    assert {word.removeprefix("CAP_") for word in setting("CapabilityBoundingSet")} == set(image_rights.capabilities())


def allowed_calls():
    """What the unit's filter lets through: its own words, and the sets of systemd, one inside the other."""
    listing = run("systemd-analyze", "syscall-filter", "--no-pager").stdout
    sets, current = {}, None
    for line in re.sub(r"\x1b\[[0-9;]*m", "", listing).splitlines():
        if line.startswith("@"):
            current = sets.setdefault(line.strip(), [])
        elif line.startswith("    ") and not line.strip().startswith("#"):
            current.append(line.strip())

    def opened(words):
        for word in words:
            yield from opened(sets[word]) if word.startswith("@") else (word,)

    return set(opened(setting("SystemCallFilter")))


def text_of(path):
    return path.read_text(encoding="utf-8", errors="replace")


def traced(trace, *flags, **settings):
    return Observer(*flags, command=["strace", "-D", "--follow-forks", "--trace=all", "--output", str(trace)], **settings)


def end_of(trace, observer):
    """What was traced, when that is all of it."""
    observer.stop()
    until(lambda: re.search(rf"^{observer.pid} +\+\+\+ exited", text_of(trace), re.M), "the end of the trace")
    return text_of(trace)


def counts_a_worker(folder):
    with traced(folder / "counts") as observer:
        with Worker() as worker:
            observer.sees(worker.pid)
            worker.run(events=200, sources=["postgres-shop"], tables=["public.orders"])
            observer.scrape()
        return end_of(folder / "counts", observer)


def serves_tls(folder):
    """With a service manager and a user; compressed."""
    authority = certificates.Authority(folder)
    authority.server()
    (folder / "web.yml").write_text(cases_web.tls_config(folder) + f"basic_auth_users:\n  bob: {cases_web.OTHER}\n", encoding="utf-8")
    with cases_web.Manager(folder) as manager:
        with traced(folder / "serves", f"--web.config.file={folder}/web.yml",
                    env={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "200000"}) as observer:
            manager.wait_for("WATCHDOG=1")
            status, *_ = certificates.fetch(observer.port, certificates.context(authority), **{
                "Authorization": cases_web.basic("bob", "other"), "Accept-Encoding": "gzip"})
            assert status == 200
            return end_of(folder / "serves", observer)


def case_unit_lets_through_what_philoscope_calls(folder):
    """Every system call from start over attaching, counting and scrapes to the end; its confined child's included."""
    trace = counts_a_worker(folder) + serves_tls(folder)
    called = set(re.findall(r"^\d+ +([a-z][a-z0-9_]+)\(", trace, re.M))
    assert {"bpf", "read", "sendto"} <= called, called
    # The child is content without namespaces of its own.
    refused = called - allowed_calls() - {"unshare"}
    assert not refused, f"not in the unit's filter: {sorted(refused)}"
    families = set(re.findall(r"\bsocket(?:pair)?\((AF_\w+)", trace))
    assert families and families <= set(setting("RestrictAddressFamilies")), families


def case_unit_is_told_by_its_main_process(folder):
    """Type=notify, NotifyAccess=main: when it is ready, that it is alive as often as WatchdogSec wants, and that it stops."""
    assert setting("Type") == ["notify"] and setting("NotifyAccess") == ["main"]
    [watchdog] = setting("WatchdogSec")
    said = []
    with cases_web.Manager(folder) as manager:
        manager.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        with Observer(env={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": f"{int(watchdog.removesuffix('s')) * 1000000}"}) as observer:
            while "READY=1" not in said:
                said.append(from_main(manager.socket, observer.pid))
            observer.process.terminate()
            while not said[-1].startswith("STOPPING=1"):
                said.append(from_main(manager.socket, observer.pid))
    assert any(message.startswith("STATUS=") for message in said), said


def from_main(receiver, pid):
    """The next message; the kernel says who sent it."""
    message, [(_, kind, credentials)], *_ = receiver.recvmsg(4096, socket.CMSG_SPACE(12))
    assert kind == socket.SCM_CREDENTIALS and int.from_bytes(credentials[:4], sys.byteorder) == pid, message
    return message.decode()


def case_variables_are_flags(_):
    """What the unit and its page put into /etc/default/philoscope."""
    known = {"PHILOSCOPE_" + re.sub("[.-]", "_", flag[2:]).upper() for flag in cases_manifests.known_flags()}
    used = set(re.findall(r"PHILOSCOPE_\w+", UNIT.read_text(encoding="utf-8") + (ROOT / "docs/systemd.md").read_text(encoding="utf-8")))
    assert used and used <= known, used - known


# ---- compose ----

def compose():
    return yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))


def mounts(service):
    """{where it is in the container: what it is here or the volume's name}"""
    found = {}
    for volume in service.get("volumes", []):
        if isinstance(volume, dict):
            found[volume["target"]] = volume["source"]
        else:
            source, target = volume.split(":")[:2]
            found[target] = source
    return found


def case_compose_is_whole(_):
    """Every file is there, every volume, network and service it names is declared, no image names a registry's host."""
    document = compose()
    for name, service in document["services"].items():
        assert "." not in service["image"].split("/")[0].split(":")[0], service["image"]
        assert set(service["networks"]) <= set(document["networks"])
        assert set(service.get("depends_on", [])) <= set(document["services"])
        for source in mounts(service).values():
            if source.startswith("."):
                assert (COMPOSE.parent / source).exists(), f"{name}: {source}"
            elif not source.startswith("/"):
                assert source in document["volumes"], f"{name}: {source}"
        for port in service["ports"]:
            assert port.startswith("127.0.0.1:"), f"{name} is reachable from elsewhere: {port}"


def case_compose_fits_together(folder):
    """Who asks whom, where, and with which files: the observer's flags, Prometheus' targets and rules, Grafana's provisioning."""
    services = compose()["services"]
    assert {flag.split("=")[0] for flag in services["philoscope"]["command"]} <= cases_manifests.known_flags()
    chart = cases_manifests.container()
    assert services["philoscope"]["image"] == chart["image"] and services["philoscope"]["pid"] == "host"
    assert mounts(services["philoscope"]) == {"/sys/fs/bpf": "/sys/fs/bpf"}

    config = yaml.safe_load((COMPOSE.parent / "prometheus.yml").read_text(encoding="utf-8"))
    [job] = config["scrape_configs"]
    assert job["honor_labels"] and job["static_configs"] == [{"targets": [f"philoscope:{chart['ports'][0]['containerPort']}"]}]
    [rules] = config["rule_files"]
    inside = next(target for target in mounts(services["prometheus"]) if rules.startswith(target + "/"))
    here = COMPOSE.parent / mounts(services["prometheus"])[inside]
    assert list(here.glob(os.path.basename(rules)))
    local = folder / "prometheus.yml"
    local.write_text(yaml.safe_dump({**config, "rule_files": [str(here.resolve() / os.path.basename(rules))]}), encoding="utf-8")
    done = run("promtool", "check", "config", local)
    assert done.returncode == 0, done.stdout + done.stderr


def case_grafana_finds_its_dashboards(_):
    services = compose()["services"]
    there = mounts(services["grafana"])
    datasources = yaml.safe_load((ROOT / "dashboards/datasource.yml").read_text(encoding="utf-8"))["datasources"]
    port = services["prometheus"]["ports"][0].split(":")[2]
    assert [source["url"] for source in datasources] == [f"http://prometheus:{port}"]
    interval = yaml.safe_load((COMPOSE.parent / "prometheus.yml").read_text(encoding="utf-8"))["global"]["scrape_interval"]
    assert datasources[0]["jsonData"]["timeInterval"] == interval
    [provider] = yaml.safe_load((ROOT / "dashboards/dashboard.yml").read_text(encoding="utf-8"))["providers"]
    folder = COMPOSE.parent / there[provider["options"]["path"]]
    assert {json.loads(path.read_text(encoding="utf-8"))["uid"] for path in folder.glob("*.json")} == {"philotes", "philoscope-fleet"}
    for kind in ("datasource", "dashboard"):
        assert (COMPOSE.parent / there[f"/etc/grafana/provisioning/{kind}s/{kind}.yml"]).resolve() == ROOT / f"dashboards/{kind}.yml"
