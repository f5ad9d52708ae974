# SPDX-License-Identifier: Apache-2.0
"""A target's environment is read for its peers, and its passwords are beside them: nothing but the child that reads it ever holds one."""
import os
import pathlib
import re
import resource
import signal
import subprocess
import tempfile

import bpffs
from cases_cli import philoscope
from programs import PHILOSCOPE, Observer, Skip, fetch, until
from traffic import Client, Peer, assert_bytes, echo

SECRETS = [f"sesame-{number:02}-{os.urandom(6).hex()}" for number in range(14)]


def environment(port):
    """Every place of a Philotes configuration where a password may be, those that are misused among them."""
    names = iter(SECRETS)
    env = {f"PHILOTES_{name}": next(names) for name in (
        "DB_PASSWORD", "CDC_SOURCE_PASSWORD", "STORAGE_ACCESS_KEY", "STORAGE_SECRET_KEY", "VAULT_TOKEN", "TRINO_PASSWORD",
        "AUTH_JWT_SECRET")}
    env.update({
        "PHILOTES_DB_HOST": f"127.0.0.1 password={next(names)}", "PHILOTES_DB_PORT": f"{port}{next(names)}",
        "PHILOTES_STORAGE_ENDPOINT": f"key:{next(names)}@store.invalid:9000",
        "PHILOTES_ICEBERG_CATALOG_URL": f"http://root:{next(names)}@catalog.invalid:8181/x?token={next(names)}",
        "PHILOTES_VAULT_ADDRESS": f"https://{next(names)}@vault.invalid#{next(names)}",
        "PHILOTES_CDC_SOURCE_HOST": "127.0.0.1", "PHILOTES_CDC_SOURCE_PORT": str(port)})
    assert next(names, None) is None
    return env


def assert_no_secret(where, data):
    if isinstance(data, str):
        data = data.encode()
    found = [number for number, secret in enumerate(SECRETS) if secret.encode() in data]
    assert not found, f"{where} holds the secrets {found}"


def memory_of(pid):
    """(where, bytes) of all that this process has mapped and can be read: what a core would hold, and more."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text(encoding="ascii").splitlines():
            start, end = (int(text, 16) for text in line.split()[0].split("-"))
            if "r" not in line.split()[1] or "[v" in line:
                continue
            try:
                memory.seek(start)
                yield line, memory.read(end - start)
            except OSError:
                pass  # beyond the end of its file


def kernel_maps(state):
    for path in (pathlib.Path(state)).rglob("*"):
        try:
            with bpffs.Map(path) as opened:
                yield path, b"".join(key + value for key, value in opened.items().items())
        except (OSError, AttributeError):
            pass  # a folder, a link or a program


def run(*arguments):
    done = philoscope(*arguments)
    return done.stdout + done.stderr


def case_secrets_stay_with_the_target(folder):
    with Peer(echo) as server, bpffs.mounted(folder) as mount:
        state = mount / "philoscope"
        with Observer("--log.level=debug", state=state) as observer, Client(env=environment(server.port)) as client:
            observer.sees(client.pid)
            connection = client.dial(server.port)
            client.do("write", id=connection, bytes=10)
            client.do("read", id=connection, bytes=10)
            assert_bytes(observer, client, "source", server)  # its configuration has been read
            held = pathlib.Path(f"/proc/{client.pid}/environ").read_bytes()
            assert all(secret.encode() in held for secret in SECRETS)
            for path in ("/", "/metrics", "/api/v1/state"):
                assert_no_secret(path, fetch(observer.port, path))
            assert_no_secret("inspect", run("inspect", str(client.pid)) + run("inspect", str(client.pid), "--json"))
            assert_no_secret("doctor", run("doctor"))
            assert_no_secret("status", run("status", f"--state.dir={state}"))
            total = 0
            for where, data in memory_of(observer.pid):
                assert_no_secret(f"memory of philoscope, {where}", data)
                total += len(data)
            assert total > 1 << 20, f"only {total} bytes of memory were read"
            maps = dict(kernel_maps(state))
            assert any(path.name == "peers" for path in maps), sorted(maps)
            for path, data in maps.items():
                assert_no_secret(f"map {path.name}", data)
            observer.stop()
            assert_no_secret("the log", "".join(observer.log))


# ---- the child that reads it ----

def dies_with_core(command, scratch):
    """Whether a process that holds a secret of ours, and is killed while it does, leaves a core."""
    environ = scratch / "environ"
    os.mkfifo(environ)
    folder = os.open(scratch, os.O_PATH | os.O_DIRECTORY)
    process = subprocess.Popen(
        command, stdin=folder, stdout=subprocess.PIPE, cwd=scratch,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)))
    try:
        with open(environ, "wb", buffering=0) as pipe:  # as soon as it reads
            pipe.write(f"PHILOTES_DB_PASSWORD={SECRETS[0]}\0".encode())
            until(lambda: any(SECRETS[0].encode() in data for _, data in memory_of(process.pid)), "the secret in its memory")
            os.kill(process.pid, signal.SIGABRT)  # SIGQUIT is ignored by what a shell starts behind itself
            _, status = os.waitpid(process.pid, 0)
            process.returncode = status
    finally:
        os.close(folder)
        process.stdout.close()
    assert os.WTERMSIG(status) == signal.SIGABRT, status
    return os.WCOREDUMP(status)


def case_secrets_are_not_in_a_core_of_the_child(folder):
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text(encoding="ascii").strip()
    if re.match(r"[|/]", pattern):
        raise Skip(f"cores of this host go elsewhere: {pattern}")
    with tempfile.TemporaryDirectory(dir=folder) as one, tempfile.TemporaryDirectory(dir=folder) as other:
        if not dies_with_core(["/bin/cat", "environ"], pathlib.Path(one)):
            raise Skip("no process of this host leaves a core")
        assert not dies_with_core([PHILOSCOPE, "peers-child"], pathlib.Path(other))
