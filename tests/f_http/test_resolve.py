# proa resolve: names and addresses, the system's way and by asking a server of ours.
# SPDX-License-Identifier: MIT
import json
import os
import socket
import struct
import threading
import time
import unittest

import kit


def resolve(*args, **more):
    """The command has no option for a backend: the environment names it."""
    return kit.run("resolve", *args, env=dict(os.environ, PROA_BACKEND=kit.BACKEND), **more)


TYPES = {"A": 1, "PTR": 12, "AAAA": 28}
ZONE = {
    ("one.test", TYPES["A"]): socket.inet_aton("10.0.0.1"),
    ("one.test", TYPES["AAAA"]): bytes.fromhex("fd" + "00" * 14 + "01"),
    ("1.0.0.10.in-addr.arpa", TYPES["PTR"]): b"\3one\4test\0",
}
NAMES = {name for name, _ in ZONE}
TTL_SEC = 60


class Server(threading.Thread):
    """Knows ZONE (RFC 1035), is silent about silent.test, and denies the rest."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.at = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.asked = []
        self.start()

    def run(self):
        while True:
            question, client = self.socket.recvfrom(4096)
            if not question:  # the end
                return
            if answer := self.answer(question):
                self.socket.sendto(answer, client)

    def answer(self, question):
        labels, at = [], 12
        while length := question[at]:
            labels.append(question[at + 1:at + 1 + length].decode())
            at += 1 + length
        name, kind = ".".join(labels).lower(), struct.unpack_from(">H", question, at + 1)[0]
        self.asked.append(name)
        if name == "silent.test":
            return None
        data = ZONE.get((name, kind))
        flags = 0x8180 if name in NAMES else 0x8183
        head = question[:2] + struct.pack(">HHHHH", flags, 1, data is not None, 0, 0)
        record = data and struct.pack(">HHHIH", 0xc00c, kind, 1, TTL_SEC, len(data)) + data
        return head + question[12:at + 5] + (record or b"")

    def stop(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.socket.getsockname())
        self.join()
        self.socket.close()


class System(unittest.TestCase):
    """What every machine has: literals, and itself."""

    def test_name(self):
        for how in "default", "pool":
            r = resolve("localhost", "--family", "4", "--how", how)
            self.assertEqual((r.returncode, r.stderr), (0, b""))
            self.assertIn("localhost 127.0.0.1", r.stdout.decode().splitlines())

    def test_many(self):
        r = resolve(*["localhost"] * 64, "--family", "4")  # as many as it takes
        self.assertEqual((r.returncode, r.stderr), (0, b""))
        self.assertGreaterEqual(r.stdout.decode().splitlines().count("localhost 127.0.0.1"), 64)

    def test_json(self):
        r = resolve("localhost", "a..b", 'quo"te', "127.0.0.1:80", "--json", "--family", "4")
        self.assertEqual((r.returncode, r.stderr), (2, b""))
        first, *wrong = json.loads(r.stdout)
        self.assertEqual((first["query"], first["ttl_s"]), ("localhost", 0))
        self.assertIn("127.0.0.1", first["addresses"])
        self.assertEqual(wrong, [{"query": query, "error": "EINVAL"}
                                 for query in ("a..b", 'quo"te', "127.0.0.1:80")])

    def test_one_without_an_answer(self):
        r = resolve("a..b", "localhost", "--family", "4")
        self.assertEqual(r.returncode, 2)
        self.assertIn(b"localhost 127.0.0.1", r.stdout)
        self.assertEqual(r.stderr, b"proa: 'a..b' is neither a name nor an address\n")


class Asked(unittest.TestCase):
    """By c-ares, where it is built in."""

    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.stop)
        if b"without c-ares" in resolve("one.test", "--servers", self.server.at).stderr:
            self.skipTest("built without c-ares")

    def ask(self, *args):
        return resolve(*args, "--servers", self.server.at)

    def test_forward_and_back(self):
        r = self.ask("one.test", "10.0.0.1")
        self.assertEqual((r.returncode, r.stderr), (0, b""))
        lines = r.stdout.decode().splitlines()
        self.assertEqual(sorted(lines), ["10.0.0.1 one.test", "one.test 10.0.0.1",
                                         "one.test fd00::1"])
        self.assertEqual(lines[-1], "10.0.0.1 one.test")
        self.assertEqual(set(self.server.asked), NAMES)

    def test_family(self):
        for family, addr in ("4", "10.0.0.1"), ("6", "fd00::1"):
            r = self.ask("one.test", "--family", family, "--json")
            self.assertEqual((r.returncode, r.stderr), (0, b""))
            self.assertEqual(json.loads(r.stdout), [
                {"query": "one.test", "addresses": [addr], "ttl_s": TTL_SEC}])

    def test_denied(self):
        r = self.ask("none.test")
        self.assertEqual((r.returncode, r.stdout), (2, b""))
        self.assertRegex(r.stderr.decode(), r"\Aproa: none\.test: [^\n]+\n\Z")

    def test_silence_is_cut_off(self):
        began = time.monotonic()
        r = self.ask("silent.test", "one.test", "--seconds", "0.3", "--family", "4")
        took = time.monotonic() - began
        self.assertEqual(r.returncode, 2)
        self.assertIn(b"one.test 10.0.0.1", r.stdout)
        self.assertRegex(r.stderr.decode(), r"\Aproa: silent\.test: [^\n]+\n\Z")
        self.assertIn("silent.test", self.server.asked)
        self.assertGreaterEqual(took, 0.3)
        self.assertLess(took, 5.5)  # silent servers are given 6 s by c-ares itself


class Arguments(kit.Command):
    def test_bad_arguments(self):
        for args, word in [
                ([], "a name or an address"), ([""], "neither a name nor"), (["127.1"], "127.1"),
                (["a", "--how", "frob"], "frob"), (["a", "--how"], "--how"),
                (["a", "--family", "5"], "--family"),
                (["a", "--servers", "x"], "servers"),  # none, or it was built without c-ares
                (["a", "--seconds", "0"], "--seconds"), (["a", "--json=1"], "--json"),
                (["a", "--backend", "epoll"], "--backend"), (["a"] * 65, "too many"),
                (["a" * 64 + ".test"], "a.test' is neither"), (["x." * 600], "neither")]:
            self.fails("resolve", *args, word=word)

    def test_backend_that_is_none(self):
        self.fails("resolve", "localhost", word="frob", env=dict(os.environ, PROA_BACKEND="frob"))

    def test_help(self):
        self.assertIn(b"usage: proa resolve", kit.run("resolve", "--help").stdout)
