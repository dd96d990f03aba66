# Clients that are slow on purpose, or never end; the time limits are short here.
# SPDX-License-Identifier: MIT
import socket
import time

import kit
from kit import Broken, Folder, app, in_time, serve, tries

HOST = "Host: x\r\n"


class Slow(Folder):
    @classmethod
    def start(cls):
        cls.put("big.bin", b"b" * 20_000_000)
        return app(cls.folder, 300, 600)

    def ends(self, c, since, low, statuses=(408,)):
        """So long after that, but not for the reason of a longer limit: with one of the statuses or
        (None) without a word."""
        try:
            self.assertIn(c.response().status, statuses)
        except Broken:
            self.assertIn(None, statuses)
        self.assertTrue(c.ended())
        took = time.monotonic() - since
        self.assertGreater(took, low)
        self.assertLess(took, 20)

    def test_nothing_sent(self):
        since = time.monotonic()
        with self.server.client() as c:
            self.ends(c, since, 0.2, (None,))

    def test_heads_have_a_time_of_their_own(self):
        """Also where a client may be idle for long, silent or busy."""
        patient = app(self.folder, 300, 60000)
        since = time.monotonic()
        with patient.client() as c:
            self.ends(c, since, 0.2, (None,))
        since = time.monotonic()
        with patient.client() as c:
            c.send("GET /he")
            self.ends(c, since, 0.2)
        with patient.client() as c:
            start = time.monotonic()
            try:
                while time.monotonic() - start < 20:
                    c.send("G")
                    time.sleep(0.05)
            except OSError:
                pass
            self.assertLess(time.monotonic() - start, 20)
        patient.end()

    @tries
    def test_idle_between_requests(self):
        with self.server.client() as c:
            since = time.monotonic()
            c.ask("GET", "/hello")
            time.sleep(0.4)
            in_time(since, 0.55)
            since = time.monotonic()
            try:
                c.ask("GET", "/hello")
            except (Broken, OSError):
                in_time(since, 0.02)
                raise
            self.ends(c, since, 0.4, (None,))

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
                self.assertLess(time.monotonic() - start, 20)

    def test_second_head_slow(self):
        with self.server.client() as c:
            c.ask("GET", "/hello")
            since = time.monotonic()
            c.send("GET /hello HT")
            self.ends(c, since, 0.2)

    def test_body_stops(self):
        for framing in ("Content-Length: 100", "Transfer-Encoding: chunked"):
            with self.server.client() as c:
                since = time.monotonic()
                c.send(f"POST /echo HTTP/1.1\r\n{HOST}{framing}\r\n\r\n1")
                self.ends(c, since, 0.4)

    def test_body_too_slow(self):
        """Bytes that come, but fewer than 256 a second."""
        with self.server.client() as c:
            start = time.monotonic()
            c.send(f"POST /count HTTP/1.1\r\n{HOST}Content-Length: 100000\r\n\r\n")
            try:
                while time.monotonic() - start < 20:
                    c.send("x")
                    time.sleep(0.05)
            except OSError:
                pass
            self.assertLess(time.monotonic() - start, 20)

    @tries
    def test_slow_but_alive_body(self):
        with self.server.client() as c:
            c.send(f"POST /count HTTP/1.1\r\n{HOST}Content-Length: 10000\r\n\r\n")
            for _ in range(20):
                since = time.monotonic()
                try:
                    c.send("x" * 500)
                    time.sleep(0.06)
                finally:
                    in_time(since, 0.3)
            self.assertEqual(c.response().body, b"10000")

    def test_reader_that_stops(self):
        base = self.server.descriptors()
        with self.server.client(rcvbuf=4096) as c, self.server.client(rcvbuf=4096) as d:
            c.send(f"GET /big.bin HTTP/1.1\r\n{HOST}\r\n")
            d.send(f"GET /stream?20000000 HTTP/1.1\r\n{HOST}\r\n")
            for reader in c, d:
                self.assertTrue(reader.s.recv(1))  # it has begun
            time.sleep(1)
            self.settle(base)

    @tries
    def test_slow_but_alive_reader(self):
        with self.server.client() as c:
            c.send(f"GET /sized?3000000 HTTP/1.1\r\n{HOST}\r\n")
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                since = time.monotonic()
                try:
                    c.buf += c.s.recv(20000)
                    time.sleep(0.03)
                finally:
                    in_time(since, 0.3)
            self.assertEqual(len(c.response().body), 3000000)

    @tries
    def test_later_outlives_the_idle_time(self):
        with self.server.client() as c:
            self.assertEqual(c.ask("GET", "/later?1300").body, b"later")
            since = time.monotonic()
            try:
                self.assertEqual(c.ask("GET", "/hello").body, b"hello")
            finally:
                in_time(since, 0.3)

    @tries
    def test_paused_client_is_not_timed(self):
        with self.server.client() as c:
            body = b"p" * 200000
            r = c.ask("POST", "/paused", f"Content-Length: {len(body)}", body=body)
            self.assertEqual(r.body, b"200000")
            # Paused for longer than the idle time, at each of two pieces; then the client goes on.
            since = time.monotonic()
            c.send(f"POST /paused?700 HTTP/1.1\r\n{HOST}Content-Length: 4\r\n\r\nab")
            time.sleep(1)
            c.send("cd")
            in_time(since, 1.2)
            self.assertEqual(c.response().body, b"4")
            since = time.monotonic()
            c.send(f"POST /paused?700 HTTP/1.1\r\n{HOST}Content-Length: 4\r\n\r\nab")
            self.ends(c, since, 1.1)

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
        self.server.took(half)
        busy = self.server.client(rcvbuf=65536)
        busy.send(f"GET /big.bin HTTP/1.1\r\n{HOST}\r\n")
        while b"\r\n\r\n" not in busy.buf:
            busy.more()
        self.server.p.send_signal(kit.TERM)
        for c in idle:
            self.assertTrue(c.ended())
        half.send("\r\n")
        r = half.response()
        self.assertEqual((r.status, r.get("Connection")), (200, "close"))
        self.assertTrue(half.ended())
        self.assertTrue(self.refuses(20))
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
        self.assertLess(time.monotonic() - start, 9)  # before the deadline of 10
        busy.s.close()
