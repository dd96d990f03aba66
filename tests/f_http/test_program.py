# The handler API through a program that uses all of it (app.c).
# SPDX-License-Identifier: MIT
import os
import socket
import subprocess
import time
import unittest

import kit
from kit import Broken, Folder, app

HOST = "Host: x\r\n"


class Program(Folder):
    @classmethod
    def start(cls):
        cls.put("sub/a.txt", b"in a folder")
        return app(cls.folder)

    def counts(self):
        words = self.ask("GET", "/counts").body.split()
        return int(words[1]), int(words[3])

    def test_reply(self):
        with self.server.client() as c:
            r = c.ask("GET", "/hello")
            self.assertEqual((r.body, r.get("Content-Type"), r.get("Content-Length")),
                             (b"hello", "text/plain", "5"))
            r = c.ask("HEAD", "/hello")
            self.assertEqual((r.body, r.get("Content-Length")), (b"", "5"))
            r = c.ask("GET", "/empty")
            self.assertEqual((r.status, r.get("Content-Length")), (204, None))
            self.assertEqual(c.ask("GET", "/nothing").status, 500)

    def test_bodies(self):
        with self.server.client() as c:
            for n in (0, 1, 999, 1000):
                r = c.ask("POST", "/echo", f"Content-Length: {n}", body=b"x" * n)
                self.assertEqual(r.body, b"x" * n)
            r = c.ask("POST", "/echo", "Content-Length: 1001", body=b"x" * 1001)
            self.assertEqual(r.status, 413)
            self.assertTrue(c.ended())

    def test_streamed_bodies(self):
        with self.server.client() as c:
            for n in (0, 1, 100000, 3000000):
                r = c.ask("POST", "/count", f"Content-Length: {n}", body=b"x" * n)
                self.assertEqual(r.body, str(n).encode())
            chunks = b"".join(b"%x\r\n%s\r\n" % (n, b"y" * n) for n in (1, 1000, 70000))
            r = c.ask("POST", "/count", "Transfer-Encoding: chunked", body=chunks + b"0\r\n\r\n")
            self.assertEqual(r.body, b"71001")
            self.assertEqual(c.ask("POST", "/count-limited", "Content-Length: 5000").status, 413)

    def test_paused_bodies(self):
        with self.server.client() as c:
            r = c.ask("POST", "/paused", "Content-Length: 100000", body=b"x" * 100000)
            self.assertEqual(r.body, b"100000")
            self.assertEqual(c.ask("GET", "/hello").body, b"hello")
        with self.server.client() as c:  # all of it has come, and it pauses at each chunk
            start = time.monotonic()
            r = c.ask("POST", "/paused?30", "Transfer-Encoding: chunked",
                      body=b"1\r\nx\r\n" * 5 + b"0\r\n\r\n")
            self.assertEqual(r.body, b"5")
            self.assertGreater(time.monotonic() - start, 0.14)
        base = self.server.descriptors()
        with self.server.client() as c:  # gone while it is paused
            c.send(f"POST /paused HTTP/1.1\r\n{HOST}Content-Length: 100000\r\n\r\nxxx")
            self.server.took(c)
        self.settle(base)

    def test_answered_before_the_body(self):
        with self.server.client() as c:
            r = c.ask("POST", "/early", "Content-Length: 100")
            self.assertEqual((r.status, r.body, r.get("Connection")), (403, b"no", "close"))
            self.assertTrue(c.ended())
        with self.server.client() as c:
            r = c.ask("POST", "/early", "Content-Length: 5", "Expect: 100-continue")
            self.assertEqual(r.status, 403)
        with self.server.client() as c:  # without a body there is nothing in the way
            self.assertIsNone(c.ask("GET", "/early").get("Connection"))
            self.assertEqual(c.ask("GET", "/hello").body, b"hello")

    def test_streams(self):
        with self.server.client() as c:
            for n in (0, 1, 10000, 32768, 5000000):
                for path in ("stream", "sized"):
                    r = c.ask("GET", f"/{path}?{n}")
                    self.assertEqual(r.body, b"s" * n)
                    self.assertEqual(r.get("Transfer-Encoding") == "chunked", path == "stream")
                    r = c.ask("HEAD", f"/{path}?{n}")
                    self.assertEqual(r.get("Content-Length"), str(n) if path == "sized" else None)

    def test_writes_in_a_row(self):
        with self.server.client() as c:
            for _ in range(3):
                self.assertEqual(c.ask("GET", "/twice").body, b"onetwo")

    def test_streams_to_old_clients(self):
        with self.server.client() as c:
            c.send("GET /stream?100000 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            r = c.response()
            self.assertIsNone(r.get("Transfer-Encoding"))
            self.assertEqual((r.get("Connection"), r.body), ("close", b"s" * 100000))

    def test_back_pressure(self):
        with self.server.client(rcvbuf=4096) as c:
            c.send(f"GET /stream?50000000 HTTP/1.1\r\n{HOST}\r\n")
            time.sleep(0.3)
            with open(f"/proc/{self.server.p.pid}/statm") as f:
                self.assertLess(int(f.read().split()[1]) * 4096, 40_000_000)
            self.assertEqual(self.ask("GET", "/hello").body, b"hello")

    def test_short_and_aborted(self):
        with self.server.client() as c:
            c.send(f"GET /short HTTP/1.1\r\n{HOST}\r\n")
            with self.assertRaises(Broken):
                c.response()
            self.assertEqual(c.buf, b"12345")
        with self.server.client() as c:
            self.assertEqual(c.ask("GET", "/long").body, b"12345")
            self.assertEqual(c.ask("GET", "/hello").body, b"hello")
        with self.server.client() as c:
            c.send(f"GET /abort HTTP/1.1\r\n{HOST}\r\n")
            with self.assertRaises(Broken):
                c.response()

    def test_what_a_program_may_not_set(self):
        r = self.ask("GET", "/set")
        self.assertEqual(r.body, b"14")
        self.assertEqual(r.get("X-Good"), "yes\tand no")
        self.assertIsNone(r.get("C"))

    def test_later_and_gone(self):
        gone, later = self.counts()
        with self.server.client() as c:
            self.assertEqual(c.ask("GET", "/later?30").body, b"later")
        for ms, reset in ((200, False), (200, True), (60000, True)):  # the last will be missed
            with self.server.client() as c:
                c.send(f"GET /later?{ms} HTTP/1.1\r\n{HOST}\r\n")
                self.server.took(c)  # reset before it is accepted, nobody would have seen it
                if reset:
                    c.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        with self.server.client() as c:  # with another request behind it, nothing is being received
            c.send(f"GET /later?200 HTTP/1.1\r\n{HOST}\r\nGET /hello HTTP/1.1\r\n{HOST}\r\n")
            self.server.took(c)
            c.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        end = time.monotonic() + kit.CALM_SEC
        after = self.counts()
        while (after[1] - later < 4 or after[0] == gone) and time.monotonic() < end:
            time.sleep(0.05)
            after = self.counts()
        self.assertEqual(after[1] - later, 4)
        self.assertGreaterEqual(after[0] - gone, 1)

    def test_files_of_a_program(self):
        with self.server.client() as c:
            self.assertEqual(c.ask("GET", "/file").body, b"hello world\n")
            self.assertEqual(c.ask("GET", "/file", "Range: bytes=0-4").body, b"hello")
            self.assertEqual(c.ask("POST", "/file", "Content-Length: 0").status, 405)
            self.assertEqual(c.ask("GET", "/sub/a.txt").body, b"in a folder")
            self.assertIn(c.ask("GET", "/outside").status, (403, 404))

    def test_end_with_answers_to_come(self):
        """The loop's end with a request that waits, one that streams and one that is half read."""
        other = app(self.folder)
        with other.client() as a, other.client(rcvbuf=4096) as b, other.client() as c, \
                other.client() as d:
            a.send(f"GET /later?60000 HTTP/1.1\r\n{HOST}\r\nGET /hello HTTP/1.1\r\n{HOST}\r\n")
            b.send(f"GET /stream?50000000 HTTP/1.1\r\n{HOST}\r\n")
            c.send(f"POST /count HTTP/1.1\r\n{HOST}Content-Length: 100000\r\n\r\nxx")
            d.send(f"POST /paused HTTP/1.1\r\n{HOST}Content-Length: 100000\r\n\r\nxx")
            time.sleep(0.1)
            status, _, err = other.end(8)
            self.assertEqual((status, err), (0, b""))


class Hello(unittest.TestCase):
    def start(self, program):
        """Its port, which it does not print: chosen here, and perhaps somebody else's by then."""
        for _ in range(5):
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                port = s.getsockname()[1]
            p = subprocess.Popen([*kit.RUN, program, f"127.0.0.1:{port}"],
                                 env=dict(os.environ, PROA_BACKEND=kit.BACKEND))
            self.addCleanup(p.wait)
            self.addCleanup(p.kill)
            end = time.monotonic() + kit.CALM_SEC
            while p.poll() is None and time.monotonic() < end:
                try:
                    kit.Client(port).s.close()
                    return port
                except OSError:
                    time.sleep(0.05)
        self.fail("it did not come up")

    def test_example(self):
        program = os.path.join(os.path.dirname(kit.APP), "../examples/hello_http" + kit.suffix())
        if not os.path.exists(program):
            self.skipTest("the examples are not built")
        port = self.start(program)
        with kit.Client(port) as c:
            self.assertEqual(c.ask("GET", "/").body, b"hello\n")
            self.assertEqual(c.ask("GET", "/count").body, b"0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n")
            self.assertEqual(c.ask("GET", "/none").status, 404)
            c.send(f"GET /slow HTTP/1.1\r\n{HOST}\r\n")
            with kit.Client(port) as d:
                self.assertEqual(d.ask("GET", "/").body, b"hello\n")
            self.assertEqual(c.response().body, b"late\n")
