# What the HTTP tests share: a server under test, raw connections, a parser that trusts nothing.
# SPDX-License-Identifier: MIT
import functools
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

BACKEND = None  # set by run.py
PROA = None
APP = None
RUN = []  # what runs a program of another system
TERM = signal.SIGTERM  # what asks a server to end
CALM_SEC = 30  # without a byte: longer than a busy machine takes
TCP = "/proc/net/tcp"  # Linux' own connections, those of Wine too


def windows(why):
    """Skips a test, or a class of them, on Windows."""
    return unittest.skipIf(BACKEND == "iocp", "Windows: " + why)


def suffix():
    return os.path.splitext(APP)[1]


class Broken(Exception):
    """The stream ended, or what came is no response."""


class TooSlow(Exception):
    """The machine had no time for the test, which therefore says nothing."""


def in_time(since, seconds):
    if time.monotonic() - since > seconds:
        raise TooSlow


def tries(test):
    """For one that a busy machine spoils by its slowness alone, and that asks in_time whether it
    did: tried anew then."""
    @functools.wraps(test)
    def run(self, *args):
        for _ in range(20):
            try:
                return test(self, *args)
            except TooSlow:
                pass
        raise AssertionError("never fast enough")
    return run


class Response:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    def get(self, name):
        found = [v for n, v in self.fields if n.lower() == name.lower()]
        assert len(found) < 2, f"{name} twice"
        return found[0] if found else None


class Client:
    """A connection that sends bytes as they are given."""

    def __init__(self, port, rcvbuf=0):
        local = isinstance(port, str)
        self.s = socket.socket(socket.AF_UNIX if local else socket.AF_INET)
        if rcvbuf:
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.s.settimeout(CALM_SEC)
        self.s.connect(port if local else ("127.0.0.1", port))
        self.buf = bytearray()  # grows in place: bytes would be copied whole at each piece

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.s.close()

    def send(self, data):
        self.s.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))

    def more(self):
        try:
            data = self.s.recv(65536)
        except ConnectionResetError as e:
            raise Broken("reset") from e
        if not data:
            raise Broken("end of stream")
        self.buf += data

    def take(self, n):
        data = bytes(self.buf[:n])
        del self.buf[:n]
        return data

    def line(self):
        while b"\n" not in self.buf:
            self.more()
        line = self.take(self.buf.index(b"\n") + 1)
        assert line.endswith(b"\r\n"), line
        return line[:-2].decode("latin-1")

    def exact(self, n):
        while len(self.buf) < n:
            self.more()
        return self.take(n)

    def chunks(self):
        body = bytearray()
        while True:
            n = int(self.line(), 16)
            if n == 0:
                assert self.line() == ""
                return bytes(body)
            body += self.exact(n)
            assert self.exact(2) == b"\r\n"

    def rest(self):
        try:
            while True:
                self.more()
        except Broken:
            return self.take(len(self.buf))

    def response(self, head=False):
        version, status, _ = (self.line() + " ").split(" ", 2)
        assert version == "HTTP/1.1", version
        fields = []
        while line := self.line():
            name, value = line.split(": ", 1)
            fields.append((name, value))
        r = Response(int(status), fields, b"")
        if r.status == 100:
            return r
        assert r.get("Date")
        if head or r.status in (204, 304):
            return r
        if r.get("Transfer-Encoding"):
            assert r.get("Transfer-Encoding") == "chunked" and r.get("Content-Length") is None
            r.body = self.chunks()
        elif r.get("Content-Length") is not None:
            r.body = self.exact(int(r.get("Content-Length")))
        else:
            r.body = self.rest()
        return r

    def ask(self, method, target, *fields, body=b"", version="1.1"):
        head = f"{method} {target} HTTP/{version}\r\nHost: x\r\n"
        head += "".join(f + "\r\n" for f in fields) + "\r\n"
        self.send(head.encode("latin-1") + body)
        return self.response(method == "HEAD")

    def ended(self, seconds=CALM_SEC):
        """True if the server ends the connection, with nothing more on it."""
        self.s.settimeout(seconds)
        try:
            return not self.buf and self.s.recv(1) == b""
        except ConnectionResetError:
            return True
        except socket.timeout:
            return False


def wine_pipe(path):
    """A thread is no descriptor, but for Wine it is some pipes to its server."""
    try:
        return BACKEND == "iocp" and os.readlink(path).startswith("pipe:")
    except FileNotFoundError:
        return True  # closed since it was listed


class Process:
    """A server; its port is what it printed, or its path."""

    def __init__(self, args, **more):
        self.p = subprocess.Popen(RUN + args, stdout=more.pop("stdout", subprocess.PIPE),
                                  stderr=subprocess.PIPE, bufsize=0, **more)
        if self.p.stdout:
            line = self.line().rstrip()
            found = re.fullmatch(r"listening (?:127\.0\.0\.1:(\d+)|unix:(.+)|pipe:.+)", line)
            if not found:
                self.p.kill()
                raise AssertionError((line, self.p.communicate()[1]))
            self.port = int(found[1]) if found[1] else found[2]

    def line(self, seconds=20):
        if not select.select([self.p.stdout], [], [], seconds)[0]:
            raise AssertionError("nothing printed")
        return self.p.stdout.readline().decode()

    def client(self, **more):
        return Client(self.port, **more)

    def took(self, client):
        """Waits until it has accepted that one, and received all that was sent."""
        if not os.path.exists(TCP):
            time.sleep(0.2)
            return
        ends = [f":{self.port:04X}", f":{client.s.getsockname()[1]:04X}"]
        end = time.monotonic() + CALM_SEC
        while time.monotonic() < end:
            with open(TCP) as table:
                rows = [row.split() for row in table]
            for _, here, there, _, queues, _, _, _, _, inode, *_ in rows[1:]:
                if [here[-5:], there[-5:]] == ends and inode != "0" and queues[-9:] == ":00000000":
                    return
            time.sleep(0.005)
        raise AssertionError("not taken")

    def descriptors(self):
        folder = f"/proc/{self.p.pid}/fd/"
        return sum(not wine_pipe(folder + name) for name in os.listdir(folder))

    def stands(self):
        """Where each of its threads is: a line each."""
        lines = []
        folder = f"/proc/{self.p.pid}/task/"
        for task in os.listdir(folder):
            try:
                told = [open(folder + task + "/" + name).read() for name in ("stat", "wchan")]
            except OSError:
                continue  # ended since it was listed
            name, rest = told[0].rsplit(")", 1)
            fields = rest.split()
            lines.append(f"{name.split('(', 1)[1]}: {fields[0]} in {told[1]}, "
                         f"ticks {fields[11]}+{fields[12]}")
        return "\n".join(lines)

    def later(self):
        """Whether the deadline of a drain, 10 s, ends what did not end by itself."""
        start = time.monotonic()
        try:
            self.p.communicate(timeout=12)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.communicate()
            return "nor 12 s later"
        return f"{time.monotonic() - start:.1f} s later, with {self.p.returncode}"

    def end(self, seconds=8):
        """Asked to end; what is left must be a clean exit and an empty stderr."""
        if self.p.poll() is None:
            self.p.send_signal(TERM)
        try:
            out, err = self.p.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as e:
            where = self.stands()
            raise AssertionError(f"not ended after {seconds} s; {self.later()}\n{where}") from e
        return self.p.returncode, out, err


def serve(folder, *args, listen="127.0.0.1:0", **more):
    return Process([PROA, "serve", folder, "--listen", listen, "--backend", BACKEND, *args], **more)


def app(folder, head_ms=20000, idle_ms=20000):
    return Process([APP, folder, BACKEND, str(head_ms), str(idle_ms)])


def run(*args, **more):
    return subprocess.run([*RUN, PROA, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60, **more)


class Command(unittest.TestCase):
    def fails(self, *args, word="", **more):
        """One line on stderr, nothing on stdout, status 2."""
        r = run(*args, **more)
        self.assertEqual((r.returncode, r.stdout), (2, b""), (args, r))
        self.assertRegex(r.stderr.decode(), r"\Aproa: [^\n]+\n\Z")
        self.assertIn(word, r.stderr.decode())


class Folder(unittest.TestCase):
    """Tests with a folder, and one server for all of them."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="proa-http-")
        cls.put("hello.txt", b"hello world\n")
        cls.server = cls.start()
        with cls.server.client() as c:  # what a loop opens at its first connections is no leak
            c.ask("GET", "/hello.txt")
        cls.baseline = None

    @classmethod
    def start(cls):
        return serve(cls.folder, "--workers", "1")

    @classmethod
    def put(cls, name, data):
        path = os.path.join(cls.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)
        return path

    @classmethod
    def tearDownClass(cls):
        try:
            status, _, err = cls.server.end()
            assert (status, err) == (0, b""), (status, err)
        finally:
            shutil.rmtree(cls.folder)

    def client(self, **more):
        c = self.server.client(**more)
        self.addCleanup(c.s.close)
        return c

    def ask(self, *args, **more):
        with self.server.client() as c:
            return c.ask(*args, **more)

    def settle(self, want, seconds=CALM_SEC):
        """Waits until the server holds no more descriptors than `want`, and goes on to: what
        knocked last may not have been accepted yet."""
        end = time.monotonic() + seconds
        calm = 0
        while calm < 10 and time.monotonic() < end:
            calm = calm + 1 if self.server.descriptors() <= want else 0
            time.sleep(0.02)
        self.assertEqual(calm, 10, self.server.descriptors())
