# Clients that are slow on purpose, or never end; the time limits are short here.
# SPDX-License-Identifier: MIT
import socket
import time

import kit
from kit import Broken, Folder, app, serve

HOST = "Host: x\r\n"


class Slow(Folder):
    @classmethod
    def start(cls):
        cls.put("big.bin", b"b" * 20_000_000)
        return app(cls.folder, 300, 600)

    def ends(self, c, low, high, statuses=(408,)):
        """Within that time, with one of the statuses or (None) without a word."""
        start = time.monotonic()
        try:
            self.assertIn(c.response().status, statuses)
        except Broken:
            self.assertIn(None, statuses)
        self.assertTrue(c.ended())
        took = time.monotonic() - start
        self.assertGreater(took, low)
        self.assertLess(took, high)

    def test_nothing_sent(self):
        with self.server.client() as c:
            self.ends(c, 0.2, 2, (None,))

    def test_heads_have_a_time_of_their_own(self):
        """Also where a client may be idle for long, silent or busy."""
        patient = app(self.folder, 300, 60000)
        with patient.client() as c:
            self.ends(c, 0.2, 5, (None,))
        with patient.client() as c:
            c.send("GET /he")
            self.ends(c, 0.2, 5)
        with patient.client() as c:
            start = time.monotonic()
            try:
                while time.monotonic() - start < 5:
                    c.send("G")
                    time.sleep(0.05)
            except OSError:
                pass
            self.assertLess(time.monotonic() - start, 5)
        patient.end()

    def test_idle_between_requests(self):
        with self.server.client() as c:
            c.ask("GET", "/hello")
            time.sleep(0.4)
            c.ask("GET", "/hello")
            self.ends(c, 0.4, 2, (None,))

    def test_head_byte_by_byte(self):
        for head in (f"GET /hello HTTP/1.1\r\n{HOST}A: " + "a" * 200, "\r"):
            with self.server.client() as c:
                start = time.monotonic()
                try:
                    for byte in head:
                        c.send(byte)
                        time.sleep(0.02)
                        if time.monotonic() - start > 0.5:
                            break
                except OSError:
                    pass
                try:
                    self.assertEqual(c.response().status, 408)
                except Broken:
                    pass
                self.assertLess(time.monotonic() - start, 2)

    def test_second_head_slow(self):
        with self.server.client() as c:
            c.ask("GET", "/hello")
            c.send("GET /hello HT")
            self.ends(c, 0.2, 2)

    def test_body_stops(self):
        for framing in ("Content-Length: 100", "Transfer-Encoding: chunked"):
            with self.server.client() as c:
                c.send(f"POST /echo HTTP/1.1\r\n{HOST}{framing}\r\n\r\n1")
                self.ends(c, 0.4, 2)

    def test_body_too_slow(self):
        """Bytes that come, but fewer than 256 a second."""
        with self.server.client() as c:
            start = time.monotonic()
            c.send(f"POST /count HTTP/1.1\r\n{HOST}Content-Length: 100000\r\n\r\n")
            try:
                while time.monotonic() - start < 5:
                    c.send("x")
                    time.sleep(0.05)
            except OSError:
                pass
            self.assertLess(time.monotonic() - start, 4)

    def test_slow_but_alive_body(self):
        with self.server.client() as c:
            c.send(f"POST /count HTTP/1.1\r\n{HOST}Content-Length: 10000\r\n\r\n")
            for _ in range(20):
                c.send("x" * 500)
                time.sleep(0.06)
            self.assertEqual(c.response().body, b"10000")

    def test_reader_that_stops(self):
        base = self.server.descriptors()
        with self.server.client(rcvbuf=4096) as c, self.server.client(rcvbuf=4096) as d:
            c.send(f"GET /big.bin HTTP/1.1\r\n{HOST}\r\n")
            d.send(f"GET /stream?20000000 HTTP/1.1\r\n{HOST}\r\n")
            end = time.monotonic() + 5
            while self.server.descriptors() <= base and time.monotonic() < end:
                time.sleep(0.01)
            self.assertLess(time.monotonic(), end)
            time.sleep(1)
            self.settle(base)

    def test_slow_but_alive_reader(self):
        with self.server.client() as c:
            c.send(f"GET /sized?3000000 HTTP/1.1\r\n{HOST}\r\n")
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                c.buf += c.s.recv(20000)
                time.sleep(0.03)
            self.assertEqual(len(c.response().body), 3000000)

    def test_later_outlives_the_idle_time(self):
        with self.server.client() as c:
            self.assertEqual(c.ask("GET", "/later?1300").body, b"later")
            self.assertEqual(c.ask("GET", "/hello").body, b"hello")

    def test_paused_client_is_not_timed(self):
        with self.server.client() as c:
            body = b"p" * 200000
            r = c.ask("POST", "/paused", f"Content-Length: {len(body)}", body=body)
            self.assertEqual(r.body, b"200000")
            # Paused for longer than the idle time, at each of two pieces; then the client goes on.
            c.send(f"POST /paused?700 HTTP/1.1\r\n{HOST}Content-Length: 4\r\n\r\nab")
            time.sleep(1)
            c.send("cd")
            self.assertEqual(c.response().body, b"4")
            c.send(f"POST /paused?700 HTTP/1.1\r\n{HOST}Content-Length: 4\r\n\r\nab")
            self.ends(c, 1.1, 3)

    def test_many_slow_ones_do_not_stop_a_fast_one(self):
        slow = [self.server.client() for _ in range(200)]
        for c in slow:
            c.send("GET /he")
        for _ in range(20):
            self.assertEqual(self.ask("GET", "/hello").body, b"hello")
        for c in slow:
            c.s.close()


class Flood(Folder):
    def test_pipelining_flood(self):
        """A client that never reads is held back, and the server's memory stays."""
        self.put("big.bin", b"b" * 1_000_000)
        with self.server.client(rcvbuf=4096) as c:
            c.s.setblocking(False)
            data = f"GET /big.bin HTTP/1.1\r\n{HOST}\r\n".encode() * 2000
            sent, end = 0, time.monotonic() + 0.5
            while time.monotonic() < end and sent < 40_000_000:
                try:
                    sent += c.s.send(data)
                except BlockingIOError:
                    time.sleep(0.01)
            self.assertLess(sent, 40_000_000)
            self.assertEqual(self.ask("GET", "/hello.txt").status, 200)
            with open(f"/proc/{self.server.p.pid}/statm") as f:
                self.assertLess(int(f.read().split()[1]) * 4096, 100_000_000)

    def test_small_answers_flood(self):
        with self.server.client(rcvbuf=4096) as c:
            c.s.setblocking(False)
            data = f"GET /none HTTP/1.1\r\n{HOST}\r\n".encode() * 2000
            sent, end = 0, time.monotonic() + 0.5
            while time.monotonic() < end:
                try:
                    sent += c.s.send(data)
                except (BlockingIOError, ConnectionError):
                    time.sleep(0.01)
            self.assertEqual(self.ask("GET", "/hello.txt").status, 200)


class Drain(Folder):
    @classmethod
    def start(cls):
        cls.put("big.bin", b"b" * 30_000_000)
        return serve(cls.folder, "--workers", "2")

    def refuses(self, seconds):
        """The listener is closed by another thread than that which ends the idle ones."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.server.port), timeout=1).close()
            except OSError:
                return True
            time.sleep(0.02)
        return False

    def test_drain(self):
        """Idle ones end at once, a busy one to its end; nobody new is let in; the status is 0."""
        idle = [self.server.client() for _ in range(10)]
        for c in idle[:5]:
            c.ask("GET", "/hello.txt")
        half = self.server.client()
        half.send(f"GET /hello.txt HTTP/1.1\r\n{HOST}")
        time.sleep(0.1)
        busy = self.server.client(rcvbuf=65536)
        busy.send(f"GET /big.bin HTTP/1.1\r\n{HOST}\r\n")
        while b"\r\n\r\n" not in busy.buf:
            busy.more()
        self.server.p.send_signal(kit.TERM)
        for c in idle:
            self.assertTrue(c.ended(2))
        half.send("\r\n")
        r = half.response()
        self.assertEqual((r.status, r.get("Connection")), (200, "close"))
        self.assertTrue(half.ended())
        self.assertTrue(self.refuses(2))
        self.assertEqual(len(busy.response().body), 30_000_000)
        for c in idle + [half, busy]:
            c.s.close()
        status, _, err = self.server.end(8)
        self.assertEqual((status, err), (0, b""))

    def test_second_signal(self):
        other = serve(self.folder, "--workers", "2")
        busy = other.client(rcvbuf=4096)
        busy.send(f"GET /big.bin HTTP/1.1\r\n{HOST}\r\n")
        busy.more()
        other.p.send_signal(kit.TERM)
        time.sleep(0.3)
        self.assertIsNone(other.p.poll())
        start = time.monotonic()
        other.p.send_signal(kit.TERM)
        status, _, err = other.end()
        self.assertEqual((status, err), (0, b""))
        self.assertLess(time.monotonic() - start, 3)
        busy.s.close()
