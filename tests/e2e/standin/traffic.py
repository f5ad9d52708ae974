# SPDX-License-Identifier: Apache-2.0
"""Peers that count what they receive and send, for a worker that makes the connections it is told to make."""
import concurrent.futures
import contextlib
import ctypes
import socket
import subprocess
import threading
import time

from programs import HANG_GUARD, Worker, until

CLONE_NEWNET = 0x40000000


def inside(namespace, function):
    """What the function returns, run in a thread that is in this network namespace."""
    def run():
        with open(namespace, "rb") as file:
            if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) < 0:
                raise OSError(ctypes.get_errno(), "setns")
        return function()

    # The thread ends with the pool: nobody else gets it.
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


class Counted:
    """A connection whose bytes are counted where they leave and enter the program."""

    def __init__(self, connection, peer):
        self.connection, self.peer = connection, peer

    def recv(self, size):
        data = self.connection.recv(size)
        self.peer.add(received=len(data))
        return data

    def sendall(self, data):
        """Counted first: who has read it may look at once. What did not get away as a whole does not count."""
        self.peer.add(sent=len(data))
        try:
            self.connection.sendall(data)
        except OSError:
            self.peer.add(sent=-len(data))
            raise


class Peer:
    """A server: each connection is given to `serve(connection)` in a thread of its own, and closed when that returns."""

    def __init__(self, serve, address=("127.0.0.1", 0), family=socket.AF_INET, namespace=None):
        self.serve, self.lock = serve, threading.Lock()
        self.received = self.sent = self.waited = self.accepted = self.ended = 0
        create = lambda: socket.create_server(address, family=family, backlog=64)  # noqa: E731
        self.listener = inside(namespace, create) if namespace else create()
        self.port = self.listener.getsockname()[1]

    def add(self, **counts):
        with self.lock:
            for name, count in counts.items():
                setattr(self, name, getattr(self, name) + count)

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:  # closed
                return
            self.add(accepted=1)
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection):
        with contextlib.suppress(OSError), connection:
            self.serve(Counted(connection, self))
        self.add(ended=1)

    def settled(self, connections=1):
        """Waits until so many connections, all that were made, have come and ended. (One may wait to be accepted, and its bytes with it.)"""
        until(lambda: self.accepted == self.ended == connections, f"the end of {connections} connections")
        return self

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def refuse(self):
        """No more connections: nobody listens."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # else the thread in accept() would keep it
        self.listener.close()

    def __exit__(self, *_):
        self.refuse()


def sink(connection):
    while connection.recv(65536):
        pass


def echo(connection):
    while data := connection.recv(65536):
        connection.sendall(data)


def source_of(size):
    """Sends so many bytes as soon as it is asked by one."""
    def serve(connection):
        if connection.recv(1):
            connection.sendall(bytes(size))
            sink(connection)
    return serve


def answering_after(seconds, size=100):
    """Not earlier; how long its askers really waited is in `waited`."""
    def serve(connection):
        while connection.recv(65536):
            asked = time.monotonic()
            time.sleep(seconds)
            connection.peer.add(waited=time.monotonic() - asked)
            connection.sendall(bytes(size))
    return serve


def relay_to(port):
    """Passes all on to another server and back: what goes through it is what TCP carries, whatever is in it."""
    def serve(connection):
        with socket.create_connection(("127.0.0.1", port)) as other:
            def back():
                with contextlib.suppress(OSError):
                    while data := other.recv(65536):
                        connection.sendall(data)
                    connection.connection.shutdown(socket.SHUT_WR)
            thread = threading.Thread(target=back, daemon=True)
            thread.start()
            with contextlib.suppress(OSError):
                while data := connection.recv(65536):
                    other.sendall(data)
                other.shutdown(socket.SHUT_WR)
            thread.join(HANG_GUARD)
    return serve


class Client(Worker):
    """The stand-in worker as a client."""

    def move(self, what, **body):
        """All of the answer, errors too."""
        return self.post(f"/traffic/{what}", **body)

    def do(self, what, **body):
        outcome = self.move(what, **body)
        assert "error" not in outcome, f"{what} {body}: {outcome['error']}"
        return outcome

    def dial(self, port, host="127.0.0.1", **more):
        return self.do("dial", address=f"{host}:{port}", **more)["id"]

    def finish(self, connection):
        """Reads to the end and closes."""
        self.move("read", id=connection, bytes=1 << 40)
        self.do("close", id=connection)


def buffer_at(port, host="127.0.0.1"):
    """The environment in which a server is the peer `buffer`; no other role is there."""
    return {"PHILOTES_DB_HOST": host, "PHILOTES_DB_PORT": str(port)}


class Namespace:
    """A network namespace whose only link leads to the test's own, as 10.199.x.1 and .2."""

    def __init__(self, number=7):
        self.holder = None
        self.near, self.far = f"10.199.{number}.1", f"10.199.{number}.2"
        self.link = f"psct{number}"

    def run(self, *command):
        """Inside."""
        return subprocess.run(["nsenter", "--net=" + self.path, *command], check=True, capture_output=True, text=True)

    @property
    def path(self):
        return f"/proc/{self.holder.pid}/ns/net"

    def __enter__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        try:
            mine = subprocess.run(["readlink", "/proc/self/ns/net"], capture_output=True, check=True).stdout
            until(lambda: subprocess.run(["readlink", self.path], capture_output=True).stdout not in (mine, b""),
                  "the namespace")
            self._connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _connect(self):
        ip = lambda *args: subprocess.run(["ip", *args], check=True, capture_output=True)  # noqa: E731
        ip("link", "add", self.link, "type", "veth", "peer", "name", "far0", "netns", str(self.holder.pid))
        ip("addr", "add", f"{self.near}/24", "dev", self.link)
        ip("link", "set", self.link, "up")
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "addr", "add", f"{self.far}/24", "dev", "far0")
        self.run("ip", "link", "set", "far0", "up")

    def __exit__(self, *_):
        subprocess.run(["ip", "link", "del", self.link], capture_output=True)
        self.holder.kill()
        self.holder.wait()


class Socketed:
    """What philoscope says about the sockets of one process, by peer."""

    def __init__(self, scrape, pid):
        self.scrape, self.pid = scrape, str(pid)

    def value(self, name, peer, **labels):
        """0 when there is no such series."""
        return self.scrape.total(f"philotes_socket_{name}", pid=self.pid, peer=peer, **labels)

    def bytes(self, peer):
        return self.value("sent_bytes_total", peer), self.value("received_bytes_total", peer)

    def roles(self):
        return {dict(key)["peer"] for (name, key) in self.scrape.values
                if name.startswith("philotes_socket_") and dict(key).get("pid") == self.pid}


def assert_bytes(observer, client, role, *peers):
    """The worker sent what the peers received and read what they sent; nothing was dropped."""
    seen = Socketed(observer.scrape(), client.pid).bytes(role)
    counted = (sum(peer.received for peer in peers), sum(peer.sent for peer in peers))
    assert seen == counted, f"{role}: sent and received {seen}, the peers counted {counted}"
    return counted
