# SPDX-License-Identifier: Apache-2.0
"""The command line: exit codes, one line for what is wrong, and inspect."""
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import urllib.error

import compare
import hostview
from programs import FIXTURES, HANG_GUARD, PHILOSCOPE, Observer, Philoscope, Skip, Worker, fetch, fixture

OK, FAILED, USAGE = 0, 1, 2
DAMAGED_FILES = 120
METRICS_ENABLED = "PHILOTES_METRICS_ENABLED"
LAG_HISTOGRAM = "philotes_cdc_event_lag_seconds"
THREE_TABLES = ["public.orders", "public.items", "sales.customers"]


def philoscope(*arguments, command=(), binary=PHILOSCOPE, env=None):
    """Runs to its end, where observers run, too."""
    with Philoscope.launch([*command, binary, *arguments], env, stdout=subprocess.PIPE, errors="surrogateescape") as process:
        try:
            said = process.communicate(timeout=HANG_GUARD)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return subprocess.CompletedProcess(arguments, process.returncode, *said)


def refuses(done, code, what):
    """It ends with this code after exactly one line on standard error and nothing on standard output."""
    assert done.returncode == code, f"{what}: exit {done.returncode}, not {code}: {done.stderr}"
    assert done.stderr.count("\n") == 1 and done.stderr.endswith("\n"), f"{what}: not one line: {done.stderr!r}"
    assert not done.stdout, f"{what}: {done.stdout!r} on standard output"
    return done.stderr


# ---- usage ----

USAGES = [
    ["--no-such-flag"], ["--no-such-flag=1"], ["-x"], ["stray"], ["--", "stray"], ["--identity.pid", "stray"],
    ["--identity.pid=1"],
    ["--web.listen-address"], ["--web.listen-address="], ["--web.listen-address=10414"], ["--web.listen-address=:0x50"],
    ["--web.listen-address=:65536"], ["--web.listen-address=:-1"], ["--web.listen-address=[::1:80"],
    ["--web.telemetry-path=metrics"], ["--web.telemetry-path="], ["--web.telemetry-path=/"],
    ["--metrics.namespace="], ["--metrics.namespace=1x"], ["--metrics.namespace=a-b"], ["--metrics.namespace=a:b"],
    ["--metrics.namespace=ä"],
    ["--metrics.max-series=0"], ["--metrics.max-series=-1"], ["--metrics.max-series=1000001"], ["--metrics.max-series=1e3"],
    ["--metrics.max-series= 5"], ["--metrics.max-series=5 "], ["--metrics.max-series=0x10"], ["--metrics.max-series="],
    ["--metrics.max-series=99999999999999999999"],
    ["--state.dir"], ["--state.dir="], ["--state.dir=state"], ["--state.dir=./state"], ["--state.dir=NONE"],
    ["--state.on-stop"], ["--state.on-stop="], ["--state.on-stop=forget"], ["--state.on-stop=Remove"],
    ["--image.ttl"], ["--image.ttl="], ["--image.ttl=0s"], ["--image.ttl=10"], ["--image.ttl=s"], ["--image.ttl=-1s"],
    ["--image.ttl=1.5m"], ["--image.ttl=1d"], ["--image.ttl=1m30s"], ["--image.ttl=1000001s"], ["--image.ttl= 1s"],
    ["status", "all"], ["status", "--state.dir"], ["status", "--state.dir=none"], ["status", "--state.dir=/a", "/b"],
    ["reset", "all"], ["reset", "--force"], ["reset", "--state.dir="], ["reset", "--state.dir=state"],
    ["--log.level=loud"], ["--log.level="], ["--no-collector.none"], ["--no-collector.cdc=yes"],
    ["inspect"], ["inspect", "--json"], ["inspect", "--yaml", "x"], ["inspect", "a", "b"], ["docs"], ["docs", "all"],
    ["docs", "metrics", "more"], ["docs", "state", "more"], ["top", "--twice"], ["top", "10414"],
]


def case_wrong_usage_is_one_line_and_exit_2(_):
    for arguments in USAGES:
        refuses(philoscope(*arguments), USAGE, arguments)


def case_usage_that_names_what_is_wrong(_):
    for arguments, part in ((["--no-such-flag"], "--no-such-flag"), (["--metrics.max-series=0"], "metrics.max-series"),
                            (["--log.level=loud"], "loud"), (["--web.listen-address"], "web.listen-address")):
        line = refuses(philoscope(*arguments), USAGE, arguments)
        assert part in line, f"{part} is not in {line!r}"


def case_help_and_version(_):
    for arguments in (["--help"], ["--version"], ["--identity.pid", "--help"]):
        done = philoscope(*arguments)
        assert done.returncode == OK and done.stdout and not done.stderr, done
    wide = [line for line in philoscope("--help").stdout.splitlines() if len(line) > 100]
    assert not wide, wide


# ---- it can't run ----

def fails(done, what):
    """Runtime failure: its reason is the only line."""
    line = refuses(done, FAILED, what)
    assert "level=error" in line, f"{what}: {line}"
    return line


def readable_by_all(folder):
    """The program where everybody may run it."""
    folder.chmod(0o755)
    return shutil.copy(PHILOSCOPE, folder / "philoscope")


def case_port_taken(_):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = fails(philoscope("--state.dir=none", f"--web.listen-address=127.0.0.1:{port}"), "port taken")
        assert str(port) in line, line


def case_port_taken_while_there_are_targets(_):
    """Still one line; and what may have been attached is gone."""
    with socket.socket() as taken, Worker() as worker:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        fails(philoscope("--state.dir=none", f"--web.listen-address=127.0.0.1:{taken.getsockname()[1]}"), "port taken")
        compare.unprobed(worker.pid)
        worker.run(events=10)
        assert worker.stop()[0] == 0


def case_no_privilege(folder):
    binary = readable_by_all(folder)
    for command in (("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
                    ("setpriv", "--bounding-set=-all"),
                    ("setpriv", "--bounding-set=-sys_admin,-bpf")):
        line = fails(philoscope("--web.listen-address=127.0.0.1:0", command=command, binary=binary), command)
        assert "root" in line, line


def case_no_btf(_):
    hide = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /sys/kernel/btf && exec "$@"', "sh")
    if subprocess.run([*hide, "true"], capture_output=True, check=False).returncode:
        raise Skip("/sys/kernel/btf can't be hidden")
    line = fails(philoscope("--web.listen-address=127.0.0.1:0", command=hide), "no BTF")
    assert "CONFIG_DEBUG_INFO_BTF" in line, line


# ---- what flags do ----

def case_namespace_of_the_metrics(_):
    with Observer("--metrics.namespace=seen") as observer, Worker() as worker:
        observer.sees(worker.pid)
        worker.run(tables=THREE_TABLES, events=20)
        scrape = observer.scrape()
        names = {name for name, _ in scrape.values}
        assert not [name for name in names if name.startswith("philotes_")], names
        compare.same(scrape.select("seen_cdc_events_total", drop=("service",), pid=str(worker.pid)),
                     worker.oracle().select(compare.EVENTS), "seen_cdc_events_total")
        assert "philoscope_build_info" in names


def case_series_beyond_the_limit_overflow(_):
    """The first two label sets of an identity keep their names, the sum stays exact, and hits of the others are counted."""
    with Observer("--metrics.max-series=2") as observer, Worker() as worker:
        observer.sees(worker.pid)
        for events in (30, 12):
            worker.run(tables=THREE_TABLES, operations=["INSERT", "DELETE"], events=events)
            scrape, oracle = observer.scrape(), worker.oracle()
            seen = scrape.select(compare.EVENTS, drop=("service",), pid=str(worker.pid))
            named = {key: value for key, value in seen.items() if dict(key)["table"] != "_overflow"}
            assert len(named) == 2 and len(seen) == 3, seen
            compare.same(named, {key: oracle.select(compare.EVENTS)[key] for key in named}, compare.EVENTS)
            assert sum(seen.values()) == oracle.total(compare.EVENTS), seen
            over = scrape.select(compare.EVENTS, pid=str(worker.pid), table="_overflow")
            assert all(dict(key)["operation"] == "_overflow" for key in over), over


def overflow_agrees(scrape, oracle, worker):
    """Of each metric with a table: 2,000 series that are the oracle's, one with the rest, and the hits of the rest counted."""
    for name, value, metric in ((compare.EVENTS, compare.EVENTS, compare.EVENTS),
                                (LAG_HISTOGRAM, f"{LAG_HISTOGRAM}_count", f"{LAG_HISTOGRAM}_count")):
        seen, known = scrape.select(value, drop=("service",), pid=str(worker.pid)), oracle.select(metric)
        named = {key: count for key, count in seen.items() if dict(key)["table"] != "_overflow"}
        assert len(named) == 2000 and len(seen) == 2001, f"{name}: {len(named)} and {len(seen) - len(named)} series"
        compare.same(named, {key: known[key] for key in named}, value)
        rest = sum(known.values()) - sum(named.values())
        assert sum(seen.values()) - sum(named.values()) == rest > 0, f"{name}: the rest is not {rest}"
        # Other Philotes processes of the host may have a rest, too.
        hits = scrape.total(value, table="_overflow")
        assert scrape.one("philoscope_series_overflow_total", metric=name) == hits >= rest, name
    return named


def case_3000_tables_at_the_default_limit(_):
    """Those that were there first keep their names; nothing is lost, and what went to the rest is counted to the event."""
    tables = [f"public.t{i:04}" for i in range(3000)]
    with Observer() as observer, Worker() as worker:
        observer.sees(worker.pid)
        run = worker.start(tables=tables, events=2, end="hold", operations=["INSERT"])
        worker.wait(id=run)
        named = overflow_agrees(observer.scrape(), worker.oracle(), worker)
        worker.post("/feed", id=run, events=3)
        worker.wait(id=run)
        scrape = observer.scrape()
        again = overflow_agrees(scrape, worker.oracle(), worker)
        assert again.keys() == named.keys(), "series have moved into the rest"
        assert scrape.one("philoscope_series", metric=compare.EVENTS) == len(scrape.select(compare.EVENTS))
        assert scrape.one("philoscope_series_overflow_total", metric=compare.DURATION) == 0
        compare.no_drops(scrape)


def nothing_is_collected(observer, worker):
    """The worker is there, but no series of it; and every metric says why."""
    worker.run(tables=THREE_TABLES, events=5)
    scrape = observer.scrape()
    collected = [name for name, labels in scrape.values
                 if name.startswith("philotes_") and dict(labels).get("pid") == str(worker.pid)]
    assert not collected, collected
    compare.worker_is_off(scrape)
    compare.unprobed(worker.pid, observer.pid)


def case_collection_is_off_by_the_switch_of_philotes(_):
    """What Go's strconv.ParseBool takes for false, and only that, as Philotes itself reads it."""
    for value in ("false", "F", "0"):
        with Observer(env={METRICS_ENABLED: value}) as observer, Worker() as worker:
            observer.sees(worker.pid, "refused")
            nothing_is_collected(observer, worker)
    for value in ("true", "1", "", "off"):
        with Observer(env={METRICS_ENABLED: value}) as observer, Worker() as worker:
            observer.sees(worker.pid)
            worker.run(tables=THREE_TABLES, events=5)
            compare.counters(observer, worker)
            assert observer.logged(METRICS_ENABLED) == (value == "off"), observer.log


def case_other_path_of_the_metrics(_):
    with Observer("--web.telemetry-path=/other") as observer:
        assert "philoscope_build_info" in fetch(observer.port, "/other")
        try:
            fetch(observer.port, "/metrics")
        except urllib.error.HTTPError as error:
            assert error.code == 404
        else:
            raise AssertionError("/metrics is still served")


# ---- inspect ----

def report_of(subject):
    """What `inspect` says of a file or process."""
    return json.loads(philoscope("inspect", "--json", str(subject)).stdout)


def inspected(subject):
    """The text and the JSON of one subject; both end with the same code."""
    text, report = philoscope("inspect", str(subject)), philoscope("inspect", str(subject), "--json")
    assert text.returncode == report.returncode, f"{subject}: exit {text.returncode} and {report.returncode} with --json"
    assert not text.stderr and not report.stderr, f"{subject}: {text.stderr}{report.stderr}"
    wide = [line for line in text.stdout.splitlines() if len(line) > 100]
    assert not wide, f"{subject}: {len(wide)} lines wider than 100 columns: {wide[0]}"
    parsed = json.loads(report.stdout)
    assert (report.returncode == OK) == (parsed["refusal"] is None), f"{subject}: {parsed['refusal']}"
    return text.stdout, parsed


def case_inspect_of_every_fixture(_):
    """Every site of every Go version is found, and those an event comes by are of the cheap class."""
    for version in ("1.23", "1.24", "1.25", "1.26", "1.27", "1.25-pie", "1.25-sym"):
        text, report = inspected(fixture(f"worker-{version}"))
        sites = {site["site"]: site for site in report["sites"]}
        for name in ("cdc_event", "cdc_event_end"):
            assert sites[name]["cost"] == "emulated", f"{version}: {name} is {sites[name]}"
        wrong = [site for site in report["sites"]
                 if (site["state"] != "attach" or site["reason"])
                 and site["reason"] != ("other_service" if site["family"] == "api" else "not_needed")]
        assert not wrong, f"{version}: {wrong}"
        assert report["go_version"].startswith(f"go{version[:4]}") and report["go_version"] in text
        assert report["service"] == "worker" and len(report["metrics"]) >= 6
        assert all(name in text for name in sites), f"{version}: a site is missing in the text"


def case_inspect_of_a_process_is_that_of_its_file(folder):
    """Also with an odd name, deleted, and while breakpoints are in its code."""
    path = folder / "odd\nname"
    shutil.copy(fixture("worker-1.25"), path)
    expected = inspected(fixture("worker-1.25"))[1]
    with Worker(str(path)) as worker:
        path.unlink()
        with Observer() as observer:
            observer.sees(worker.pid)
            assert hostview.changed_text(worker.pid), "no breakpoints"
            seen = inspected(worker.pid)[1]
    for report in (seen, expected):
        del report["binary"]
    assert seen == expected


def case_inspect_refuses_with_a_reason(folder):
    (folder / "empty").touch()
    (folder / "text").write_text("#!/bin/sh\n")
    shutil.copy("/bin/sh", folder / "sh")
    os.mkfifo(folder / "fifo")
    (folder / "name\x1b[31m\n").write_text("x")
    bare = sorted(path for path in (FIXTURES / "bare").glob("bare-*") if path.suffix != ".buildinfo")
    for subject, reason in [*((folder / name, "not_elf") for name in ("empty", "text", "fifo", "name\x1b[31m\n")),
                            (folder, "not_elf"), ("/dev/null", "not_elf"), (folder / "sh", "not_go"), (os.getpid(), "not_go"),
                            *((path, "not_philotes") for path in bare)]:
        text, report = inspected(subject)
        assert report["refusal"] == reason, f"{subject}: {report['refusal']}, not {reason}"
        assert [line for line in text.splitlines() if line.startswith(f"{reason}: ")], text
        assert "\x1b" not in text, f"{subject!r}: control bytes in the answer"
        assert "sites" not in report
    for subject in (folder / "missing", 2 ** 31 - 1, 2 ** 40, 2):  # 2 is a kernel thread, or nobody
        for arguments in ([], ["--json"]):
            refuses(philoscope("inspect", str(subject), *arguments), FAILED, subject)


def case_inspect_of_another_machine(_):
    """Nothing will be attached here, and the answer says so."""
    _, report = inspected(fixture("worker-1.25-arm64"))
    assert report["machine"] != inspected(fixture("worker-1.25"))[1]["machine"]


def damages(content, seed):
    """What can happen to a file: cut short, bytes changed, a piece of zeroes, of noise, or of itself."""
    rng = random.Random(seed)
    content = bytearray(content)
    kind = seed % 5
    # The tables are in headers and in known sections; most damage is done there.
    pclntab = content.find(b"\xf1\xff\xff\xff\x00\x00\x01\x08")
    info = content.find(b"\xff Go buildinf:")
    start = rng.choice([0, 64, pclntab, pclntab + rng.randrange(1 << 20), info, rng.randrange(len(content))])
    length = rng.choice([1, 8, 64, 4096, 1 << 18])
    if kind == 0:
        return content[:rng.choice([start, rng.randrange(len(content))])]
    if kind == 1:
        for _ in range(rng.choice([1, 3, 30])):
            content[min(start + rng.randrange(256), len(content) - 1)] ^= 1 << rng.randrange(8)
    elif kind == 2:
        content[start:start + length] = bytes(len(content[start:start + length]))
    elif kind == 3:
        content[start:start + length] = rng.randbytes(len(content[start:start + length]))
    else:
        other = rng.randrange(len(content) - length)
        content[start:start + length] = content[other:other + len(content[start:start + length])]
    return content


def case_inspect_of_damaged_files(folder):
    """Whatever the damage: one of the two exit codes, one line of reason if it is refused, never a crash."""
    content = pathlib.Path(fixture("worker-1.25")).read_bytes()
    refused = 0
    for seed in range(DAMAGED_FILES):
        path = folder / "damaged"
        path.write_bytes(damages(content, seed))
        done = philoscope("inspect", str(path), *(["--json"] if seed % 2 else []))
        assert done.returncode in (OK, FAILED), f"seed {seed}: exit {done.returncode}: {done.stderr[-500:]}"
        assert not done.stderr, f"seed {seed}: {done.stderr}"
        if seed % 2:
            assert (json.loads(done.stdout)["refusal"] is not None) == (done.returncode == FAILED), f"seed {seed}"
        elif done.returncode == FAILED:
            reasons = [line for line in done.stdout.splitlines() if ": " in line]
            assert len([line for line in reasons if not line.startswith("verdict")]) == 1, f"seed {seed}: {done.stdout}"
        refused += done.returncode == FAILED
    assert DAMAGED_FILES // 10 < refused < DAMAGED_FILES, f"{refused} of {DAMAGED_FILES} refused: damage of the wrong size"
