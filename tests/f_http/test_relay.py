# proa relay: bytes, ends, resets, slow readers, limits; with real clients and a target of ours.
# SPDX-License-Identifier: MIT
import os
import random
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

import kit

NOISE = random.Random(1).randbytes(3_000_000)


def target():
    server = socket.create_server(("127.0.0.1", 0), backlog=128)
    server.settimeout(20)
    return server


def relay(server, *args):
    to = server if isinstance(server, str) else "127.0.0.1:%d" % server.getsockname()[1]
    return kit.Process([kit.PROA, "relay", "127.0.0.1:0", to, "--backend", kit.BACKEND, *args])


def dial(process):
    client = socket.create_connection(("127.0.0.1", process.port), timeout=20)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def pair(process, server):
    client = dial(process)
    end = server.accept()[0]
    end.settimeout(20)
    return client, end


def read_all(end):
    parts = []
    while part := end.recv(65536):
        parts.append(part)
    return b"".join(parts)


def read_exact(end, size):
    got = b""
    while len(got) < size:
        part = end.recv(size - len(got))
        assert part, "ended early"
        got += part
    return got


def in_background(*calls):
    def work():
        for call in calls:
            call()
    thread = threading.Thread(target=work)
    thread.start()
    return thread


class Relay(unittest.TestCase):
    def tearDown(self):
        """Each test leaves its relay as self.relay and nothing connected."""
        self.assertEqual(self.relay.end(), (0, b"", b""))

    def test_both_ways_and_half_close(self):
        with target() as server:
            self.relay = relay(server)
            client, end = pair(self.relay, server)
            in_background(lambda: client.sendall(NOISE), lambda: client.shutdown(socket.SHUT_WR))
            self.assertEqual(read_all(end), NOISE)
            time.sleep(0.1)  # half closed: the other half lives
            in_background(lambda: end.sendall(NOISE), end.close)
            self.assertEqual(read_all(client), NOISE)
            client.close()

    def test_at_the_same_time(self):
        with target() as server:
            self.relay = relay(server, "--workers", "2")
            pairs = [pair(self.relay, server) for _ in range(10)]
            for client, end in pairs:
                in_background(lambda c=client: c.sendall(NOISE[:300_000]))
                in_background(lambda e=end: e.sendall(NOISE[-300_000:]))
            for client, end in pairs:
                self.assertEqual(read_exact(end, 300_000), NOISE[:300_000])
                self.assertEqual(read_exact(client, 300_000), NOISE[-300_000:])
                client.close()
                self.assertEqual(end.recv(1), b"")
                end.close()

    def test_reset_is_passed_on(self):
        with target() as server:
            self.relay = relay(server)
            for first in (0, 1):
                both = pair(self.relay, server)
                self.passes_on(both)
                both[first].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                       struct.pack("ii", 1, 0))
                both[first].close()
                try:
                    self.resets(both[1 - first])
                except AssertionError:  # Wine's server may take the error, and leave an end
                    if kit.BACKEND != "iocp":
                        raise

    def passes_on(self, both):
        for here, there in (both, both[::-1]):
            here.sendall(b"part")
            self.assertEqual(read_exact(there, 4), b"part")

    def resets(self, end):
        """Who reads there does not take what he has for the whole."""
        with end, self.assertRaises(ConnectionResetError):
            read_all(end)

    def test_what_the_end_finds_is_reset(self):
        """Also where one direction has ended before: the other one has not."""
        with target() as server:
            for half in (None, 0, 1):
                self.relay = relay(server)
                both = pair(self.relay, server)
                self.passes_on(both)
                if half is not None:
                    both[half].shutdown(socket.SHUT_WR)
                    self.assertEqual(both[1 - half].recv(1), b"")
                self.relay.p.send_signal(kit.TERM)
                time.sleep(0.2)  # where the two are one, its patience ends it
                self.assertEqual(self.relay.end(30), (0, b"", b""))
                for i in (0, 1):
                    if half == 1 - i:
                        both[i].close()  # it has been told the end already
                    else:
                        self.resets(both[i])

    def test_nobody_there(self):
        with socket.socket() as server:  # it does not listen, and nobody else has its port
            server.bind(("127.0.0.1", 0))
            self.relay = relay(server)
            self.told_that_nobody_is_there()

    def told_that_nobody_is_there(self):
        try:  # the reset may come before the connect's own answer has been read
            with dial(self.relay) as client:
                self.assertEqual(client.recv(1), b"")
        except ConnectionResetError:
            pass

    def test_slow_readers_hold_up_nobody(self):
        with target() as server:
            self.relay = relay(server, "--limit", "60")
            slow = [pair(self.relay, server) for _ in range(40)]
            for client, end in slow:
                client.setblocking(False)
                try:
                    while client.send(NOISE):
                        pass
                except BlockingIOError:
                    pass
            client, end = pair(self.relay, server)
            for i in range(50):
                client.sendall(NOISE[i:i + 1000])
                self.assertEqual(read_exact(end, 1000), NOISE[i:i + 1000])
            for both in (*slow, (client, end)):
                both[0].close()
                both[1].close()

    def test_writer_feels_a_slow_reader(self):
        """What lies between them has an end: the relay does not take all that it is sent."""
        with target() as server:
            self.relay = relay(server)
            client, end = pair(self.relay, server)
            client.setblocking(False)
            taken, calm = 0, 0
            while calm < 20 and taken < 200_000_000:
                try:
                    taken += client.send(NOISE)
                    calm = 0
                except BlockingIOError:
                    calm += 1
                    time.sleep(0.01)
            self.assertLess(taken, 200_000_000)
            client.setblocking(True)
            in_background(client.close)
            got = 0
            while part := end.recv(1 << 20):
                got += len(part)
            self.assertEqual(got, taken)
            end.close()

    def test_idle(self):
        with target() as server:
            self.relay = relay(server, "--idle", "0.5")
            self.keeps_alive_what_moves(server)

    @kit.tries
    def keeps_alive_what_moves(self, server):
        client, end = pair(self.relay, server)
        with client, end:
            for _ in range(6):  # one direction that moves keeps both
                began = time.monotonic()
                time.sleep(0.2)
                moved = time.monotonic()
                try:
                    client.sendall(b"x")
                    self.assertEqual(end.recv(1), b"x")
                finally:
                    kit.in_time(began, 0.4)
            self.assertEqual(client.recv(1), b"")
            self.assertEqual(end.recv(1), b"")
            self.assertGreater(time.monotonic() - moved, 0.3)

    def test_limit(self):
        with target() as server:
            self.relay = relay(server, "--limit", "2")
            first, second = pair(self.relay, server), pair(self.relay, server)
            third = dial(self.relay)
            third.sendall(b"wait")
            server.settimeout(0.3)
            with self.assertRaises(TimeoutError):
                server.accept()
            first[0].close()
            first[1].close()
            server.settimeout(20)
            end = server.accept()[0]
            self.assertEqual(read_exact(end, 4), b"wait")
            for s in (*second, third, end):
                s.close()

    def test_by_name(self):
        with target() as server:
            self.relay = relay("localhost:%d" % server.getsockname()[1])
            client, end = pair(self.relay, server)
            client.sendall(b"by name")
            self.assertEqual(read_exact(end, 7), b"by name")
            client.close()
            end.close()


@kit.windows("Wine has no AF_UNIX")
class Local(unittest.TestCase):
    def test_from_tcp_to_local_and_back(self):
        with tempfile.TemporaryDirectory() as folder, target() as server:
            path = folder + "/relay"
            inner = "127.0.0.1:%d" % server.getsockname()[1]
            behind = subprocess.Popen(
                [kit.PROA, "relay", "unix:" + path, inner, "--backend", kit.BACKEND],
                stdout=subprocess.PIPE)
            self.assertEqual(behind.stdout.readline(), b"listening unix:%s\n" % path.encode())
            front = relay("unix:" + path)
            client, end = pair(front, server)
            in_background(lambda: client.sendall(NOISE), lambda: client.shutdown(socket.SHUT_WR))
            self.assertEqual(read_all(end), NOISE)
            end.close()
            client.close()
            self.assertEqual(front.end(), (0, b"", b""))
            behind.terminate()
            self.assertEqual(behind.wait(20), 0)
            behind.stdout.close()
            self.assertFalse(os.path.exists(path))


@unittest.skipUnless(kit.BACKEND == "iocp", "pipes with names are Windows'")
class NamedPipe(unittest.TestCase):
    def test_from_tcp_to_a_pipe_and_back(self):
        name = "pipe:proa-relay-%d" % os.getpid()
        with target() as server:
            inner = "127.0.0.1:%d" % server.getsockname()[1]
            behind = subprocess.Popen(
                kit.RUN + [kit.PROA, "relay", name, inner, "--backend", kit.BACKEND],
                stdout=subprocess.PIPE)
            self.assertEqual(behind.stdout.readline().strip(), b"listening " + name.encode())
            front = relay(name)
            client, end = pair(front, server)
            in_background(lambda: client.sendall(NOISE))
            self.assertEqual(read_exact(end, len(NOISE)), NOISE)
            in_background(lambda: end.sendall(NOISE))
            self.assertEqual(read_exact(client, len(NOISE)), NOISE)
            client.close()
            self.assertEqual(read_all(end), b"")
            end.close()
            self.assertEqual(front.end(), (0, b"", b""))
            behind.terminate()
            behind.wait(20)
            behind.stdout.close()


class Arguments(kit.Command):
    def test_bad_arguments(self):
        there, to = "127.0.0.1:0", "127.0.0.1:1"
        for args, word in [
                ([], "two addresses"), ([there], "two addresses"), ([there, there, "x"], "x"),
                (["nowhere", there], "nowhere"), ([there, "nowhere"], "nowhere"),
                ([there, ":80:"], ":80:"), ([there, there], "'127.0.0.1:0' names no port"),
                ([there, "127.0.0.1"], "'127.0.0.1' names no port"),
                ([there, "localhost:99999"], "localhost:99999"),
                ([there, "localhost:0"], "localhost:0"),
                ([there, to, "--idle", "never"], "--idle"),
                ([there, to, "--limit", "0"], "--limit"), ([there, to, "--log"], "--log"),
                (["192.0.2.1:80", to], "192.0.2.1"),
                ([there, to, "--backend", "frob"], "frob")]:
            self.fails("relay", *args, word=word)

    @unittest.skipIf(kit.BACKEND == "iocp", "Windows has pipes with names")
    def test_pipes_elsewhere(self):
        for args in (["pipe:x", "127.0.0.1:1"], ["127.0.0.1:0", "pipe:x"]):
            self.fails("relay", *args, word="pipe:x: this system does not know")

    def test_help(self):
        self.assertIn(b"usage: proa relay", kit.run("relay", "--help").stdout)
