# SPDX-License-Identifier: Apache-2.0
"""philoscope doctor: what it says agrees with what philoscope then does."""
import json
import subprocess

from bpffs import mounted
from cases_cli import FAILED, OK, USAGE, philoscope, readable_by_all, refuses
from programs import FIXTURES, Observer, Skip, Worker, fixture


def examined(*arguments, command=(), **options):
    """(verdict, {check: [finding, ...]}); text and JSON end in the same way."""
    text = philoscope("doctor", *arguments, command=command, **options)
    report = philoscope("doctor", "--json", *arguments, command=command, **options)
    parsed = json.loads(report.stdout)
    expected = OK if parsed["can_run"] else FAILED
    assert text.returncode == report.returncode == expected, f"exit {text.returncode}, {report.returncode}: {report.stdout}"
    assert not text.stderr and not report.stderr, f"{text.stderr}{report.stderr}"
    wide = [line for line in text.stdout.splitlines() if len(line) > 100]
    assert not wide, wide
    checks = {}
    for finding in parsed["findings"]:
        assert (finding["fix"] is None) == (finding["verdict"] == "ok"), finding
        checks.setdefault(finding["check"], []).append(finding)
    return parsed["verdict"], checks


def fails(checks):
    return {check for check, findings in checks.items() if any(f["verdict"] == "fail" for f in findings)}


def case_doctor_of_a_host_that_can(_):
    verdict, checks = examined("--state.dir=/sys/fs/bpf/philoscope-doctor-test")
    assert verdict != "fail", checks
    for name in ("kernel", "btf", "namespaces", "capabilities", "lockdown", "lsm", "sysctls", "limits", "mounts", "bpf", "features",
                 "libbpf", "memory", "probes", "processes", "sockets", "state", "reader", "targets"):
        assert name in checks, f"{name} is not checked"
    with Observer():
        pass  # it does run


def case_doctor_of_every_target(folder):
    def of(checks, pid):
        return [f for f in checks["targets"] if f["subject"] == f"process {pid}"]
    with Worker() as worker, Worker(fixture("worker-1.27")) as other:
        _, checks = examined()
        for running, version in ((worker, "go1.25"), (other, "go1.27")):
            found, = of(checks, running.pid)
            assert found["verdict"] == "ok" and version in found["found"] and "philotes-worker" in found["found"], found
        # Nothing was attached.
        worker.run(events=5)
    # One that says of itself that a Go made it which nobody knows yet.
    strange = folder / "strange"
    content = bytearray((FIXTURES / "worker-1.25").read_bytes())
    at = content.index(b"go1.25", content.index(b"\xff Go buildinf:"))
    content[at:at + 6] = b"go1.99"
    strange.write_bytes(content)
    strange.chmod(0o755)
    with Worker(str(strange)) as worker:
        _, checks = examined()
        found, = of(checks, worker.pid)
        assert found["verdict"] == "warn" and "refused, go_unsupported" in found["found"], found


def case_doctor_without_privilege(folder):
    binary = readable_by_all(folder)
    for command, wanted in ((("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"), {"capabilities", "bpf"}),
                            (("setpriv", "--bounding-set=-all"), {"capabilities", "bpf"}),
                            (("setpriv", "--bounding-set=-sys_admin,-bpf"), {"capabilities", "bpf"})):
        verdict, checks = examined(command=command, binary=binary)
        assert verdict == "fail" and wanted <= fails(checks), f"{command}: {checks}"


def case_doctor_in_a_namespace_of_its_own(_):
    own = ("unshare", "--pid", "--fork", "--mount-proc")
    if subprocess.run([*own, "true"], capture_output=True, check=False).returncode:
        raise Skip("no namespace of our own")
    verdict, checks = examined(command=own)
    assert verdict == "fail" and fails(checks) == {"namespaces"}, checks


def case_doctor_without_btf(_):
    hide = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /sys/kernel/btf && exec "$@"', "sh")
    if subprocess.run([*hide, "true"], capture_output=True, check=False).returncode:
        raise Skip("/sys/kernel/btf can't be hidden")
    verdict, checks = examined(command=hide)
    assert verdict == "fail" and "btf" in fails(checks), checks


def case_doctor_sees_the_state(folder):
    """One that works with the state does not keep it from looking."""
    with mounted(folder) as place, Observer(state=place / "state"):
        _, checks = examined(f"--state.dir={place / 'state'}")
        assert any("a philoscope works with it" in f["found"] for f in checks["state"]), checks["state"]


def case_doctor_usage(_):
    for arguments in (["all"], ["--yaml"], ["--state.dir=x"], ["--json", "more"]):
        refuses(philoscope("doctor", *arguments), USAGE, arguments)
