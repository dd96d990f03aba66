# Framing, heads, connections: what RFC 9112 asks for, and what attackers have tried.
# SPDX-License-Identifier: MIT
import time

from kit import Broken, Folder, app

HOST = "Host: x\r\n"
POST = f"POST /echo HTTP/1.1\r\n{HOST}"


class Heads(Folder):
    @classmethod
    def start(cls):
        return app(cls.folder)

    def refused(self, data, *statuses):
        """The answer has one of the statuses, and the connection ends behind it."""
        with self.server.client() as c:
            c.send(data)
            r = c.response()
            self.assertIn(r.status, statuses, data[:80])
            self.assertEqual(r.get("Connection"), "close")
            self.assertTrue(c.ended(), data[:80])

    def taken(self, data, status=200):
        with self.server.client() as c:
            c.send(data)
            self.assertEqual(c.response().status, status, data[:80])

    def test_host(self):
        self.refused("GET /hello HTTP/1.1\r\n\r\n", 400)
        self.refused("GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400)
        self.refused("GET /hello HTTP/1.1\r\nHost: a b\r\n\r\n", 400)
        self.refused("GET /hello HTTP/1.1\r\nHost: a/b\r\n\r\n", 400)
        self.taken("GET /hello HTTP/1.1\r\nHost:\r\n\r\n")
        self.taken("GET /hello HTTP/1.1\r\nhOsT: [::1]:80\r\n\r\n")
        self.taken("GET /hello HTTP/1.0\r\n\r\n")

    def test_request_line(self):
        for line, status in [
                ("GET /hello HTTP/2.0", 505), ("GET /hello HTTP/1.2", 505),
                ("GET /hello HTTP/0.9", 505), ("GET /hello HTTP/1.10", 400), ("GET /hello", 400),
                ("GET  /hello HTTP/1.1", 400), ("GET /hello  HTTP/1.1", 400),
                ("GET /hello HTTP/1.1 ", 400), ("GET /hel lo HTTP/1.1", 400),
                ("GET /hello http/1.1", 400), ("GET hello HTTP/1.1", 400), ("GET * HTTP/1.1", 400),
                ("G\x01T /hello HTTP/1.1", 400), ("G(T /hello HTTP/1.1", 400),
                ("FROB /hello HTTP/1.1", 501), ("get /hello HTTP/1.1", 501),
                ("CONNECT x:80 HTTP/1.1", 501), ("PRI * HTTP/2.0", 505),
                ("GET /hello#x HTTP/1.1", 400), ("GET /%zz HTTP/1.1", 400),
                ("GET /a%00b HTTP/1.1", 400), ("GET /a\\b HTTP/1.1", 400), ("GET / ICE/1.0", 400)]:
            self.refused(f"{line}\r\n{HOST}\r\n", status)
        self.taken(f"\r\n\r\nGET /hello HTTP/1.1\r\n{HOST}\r\n")
        self.refused("\r\n" * 20 + f"GET /hello HTTP/1.1\r\n{HOST}\r\n", 400)

    def test_absolute_form(self):
        r = self.ask("GET", "http://example.org:80/about/x?q=1")
        self.assertEqual(r.body.split(b"|")[2:4], [b"/about/x", b"q=1"])
        self.assertEqual(self.ask("GET", "http://").status, 400)
        self.assertEqual(self.ask("GET", "ftp://x/hello").status, 400)
        self.assertTrue(self.ask("OPTIONS", "*").body.startswith(b"OPTIONS|*|*|"))

    def test_what_the_handler_sees(self):
        r = self.ask("GET", "/about//a%20b/../c?x=%20y", "X-Test:  v 1 \t")
        self.assertEqual(r.body, b"GET|/about//a%20b/../c?x=%20y|/about/c|x=%20y|11|v 1|Host=x")

    def test_line_ends(self):
        for data in [f"GET /hello HTTP/1.1\n{HOST}\r\n", "GET /hello HTTP/1.1\r\nHost: x\n\r\n",
                     f"GET /hello HTTP/1.1\r\n{HOST}\n",
                     "GET /hello HTTP/1.1\r\nHost: x\rA: b\r\n\r\n",
                     f"GET /hello HTTP/1.1\r\n{HOST}A: b\r\n c\r\n\r\n",
                     f"GET /hello HTTP/1.1\r\n Host: x\r\n\r\n",
                     f"GET /hello HTTP/1.1\r\n{HOST}A: b\0c\r\n\r\n",
                     f"GET /hello HTTP/1.1\r\n{HOST}A: b\x01\r\n\r\n",
                     f"GET /hello HTTP/1.1\r\n{HOST}\r\r\n", f"GET /hello HTTP/1.1\r\n{HOST}\rX"]:
            self.refused(data, 400)

    def test_field_names(self):
        for field in ["A b: c", "A : c", ": c", "A", "A\xe4: c", "A\t: c", "(a): b"]:
            self.refused(f"GET /hello HTTP/1.1\r\n{HOST}{field}\r\n\r\n", 400)
        self.taken(f"GET /hello HTTP/1.1\r\n{HOST}A:\r\nB:c\r\nC: \xe4\r\n\r\n")

    def test_framing_conflicts(self):
        for fields in ["Content-Length: 5\r\nTransfer-Encoding: chunked",
                       "Transfer-Encoding: chunked\r\nContent-Length: 5",
                       "Content-Length: 5\r\nContent-Length: 5",
                       "Content-Length: 5\r\nContent-Length: 6", "Content-Length: 5, 5",
                       "Content-Length: +5", "Content-Length: -5", "Content-Length: 0x5",
                       "Content-Length: 5 5", "Content-Length: ", "Content-Length: 5a",
                       "Content-Length: 9223372036854775808",
                       "Content-Length: 18446744073709551616",
                       "Content-Length: 18446744073709551621", "Content-Length: 1e1",
                       "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                       "Transfer-Encoding: identity", "Transfer-Encoding: xchunked",
                       "Transfer-Encoding: \x0bchunked", "Transfer-Encoding: chunked\r\n chunked",
                       "Transfer-Encoding : chunked", "Content-Length : 5",
                       "Transfer-Encoding: ", "Transfer-Encoding: chunkedchunked"]:
            self.refused(f"POST /echo HTTP/1.1\r\n{HOST}{fields}\r\n\r\nhello", 400)
        for coding in ["gzip, chunked", "chunked, gzip", "chunked, chunked"]:
            self.refused(f"{POST}Transfer-Encoding: {coding}\r\n\r\n", 501, 400)
        self.refused("POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400)

    def test_lengths_at_the_edges(self):
        for n in [2**8, 2**16, 2**31, 2**32]:
            for length in (n - 1, n, n + 1):
                head = f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: {length}\r\n\r\n"
                if length > 1000:
                    self.refused(head, 413)
                    continue
                with self.server.client() as c:
                    c.send(head.encode() + b"b" * length)
                    self.assertEqual(c.response().body, b"b" * length)
        self.refused(f"{POST}Content-Length: 9223372036854775807\r\n\r\n", 413)
        self.taken(f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: 000\r\n\r\n")

    def chunked(self, body, path="/echo"):
        return (f"POST {path} HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n").encode() + body

    def test_chunked(self):
        with self.server.client() as c:
            for body, want in [(b"0\r\n\r\n", b""), (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
                               (b"1\r\na\r\n0002;x=\"y\"\r\nbc\r\n0\r\nT: v\r\n\r\n", b"abc"),
                               (b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789")]:
                c.send(self.chunked(body))
                self.assertEqual(c.response().body, want)
            for byte in self.chunked(b"3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"):
                c.send(bytes([byte]))
                time.sleep(0.001)
            self.assertEqual(c.response().body, b"abcd")
        for bad in [b"-1\r\n", b"+1\r\na", b"0x1\r\na", b" 1\r\na", b"1 \r\na", b"g\r\n", b"\r\n",
                    b"00000000000000001\r\na", b"8000000000000000\r\n", b"ffffffffffffffff\r\n",
                    b"1\na\n", b"1\r\nab\r\n", b"1\r\na\n0\r\n\r\n", b"1;\n\r\na",
                    b"1\r\naX\n0\r\n\r\n", b"0\r\n x: y\r\n\r\n"]:
            self.refused(self.chunked(bad), 400)
        for digits in range(1, 17):  # up to 16 digits are a number
            size = b"3".rjust(digits, b"0")
            with self.server.client() as c:
                c.send(self.chunked(size + b"\r\nabc\r\n0\r\n\r\n"))
                self.assertEqual(c.response().body, b"abc")
        self.refused(self.chunked(b"7fffffffffffffff\r\na"), 400, 413)
        self.refused(self.chunked(b"3e9\r\n" + b"b" * 1001), 413)

    def test_chunk_floods(self):
        self.refused(self.chunked(b"1;" + b"x" * 60000), 400)
        self.refused(self.chunked(b"0\r\n" + b"a: b\r\n" * 10000), 400)
        with self.server.client() as c:
            c.send(self.chunked(b"1\r\na\r\n" * 1000 + b"0\r\n\r\n"))
            self.assertEqual(c.response().body, b"a" * 1000)

    def test_head_limits(self):
        # The app takes 4096 bytes of head.
        base = f"GET /hello HTTP/1.1\r\n{HOST}A: \r\n\r\n"
        fit = 4096 - len(base)
        for n, status in [(fit - 1, 200), (fit, 200)]:
            self.taken(f"GET /hello HTTP/1.1\r\n{HOST}A: {'a' * n}\r\n\r\n", status)
        self.refused(f"GET /hello HTTP/1.1\r\n{HOST}A: {'a' * (fit + 1)}\r\n\r\n", 431)
        self.refused(f"GET /hello HTTP/1.1\r\n{HOST}A: {'a' * 100000}", 431)
        self.refused(f"GET /{'a' * 5000} HTTP/1.1\r\n{HOST}\r\n", 414)
        self.refused(f"GET /{'a' * 100000}", 414)
        self.taken(f"GET /hello HTTP/1.1\r\n{HOST}" + "a:b\r\n" * 99 + "\r\n")
        self.refused(f"GET /hello HTTP/1.1\r\n{HOST}" + "a:b\r\n" * 100 + "\r\n", 431)

    def test_expect(self):
        with self.server.client() as c:
            c.send(f"{POST}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            self.assertEqual(c.response().status, 100)
            c.send(b"hello")
            self.assertEqual(c.response().body, b"hello")
            # It has come already, or there is none: then nobody waits.
            c.send(f"{POST}Expect: 100-Continue\r\nContent-Length: 2\r\n\r\nhi")
            self.assertEqual(c.response().body, b"hi")
            c.send(f"GET /hello HTTP/1.1\r\n{HOST}Expect: 100-continue\r\n\r\n")
            self.assertEqual(c.response().body, b"hello")
        self.refused(f"{POST}Expect: miracles\r\nContent-Length: 5\r\n\r\n", 417)
        self.refused(f"{POST}Expect: 100-continue\r\n"
                     "Content-Length: 99999\r\n\r\n", 413)
        self.taken("POST /echo HTTP/1.0\r\nExpect: miracles\r\nContent-Length: 2\r\n\r\nhi")

    def test_keep_alive(self):
        with self.server.client() as c:
            for _ in range(5):
                self.assertIsNone(c.ask("GET", "/hello").get("Connection"))
            r = c.ask("GET", "/hello", "Connection: x, CLOSE")
            self.assertEqual(r.get("Connection"), "close")
            self.assertTrue(c.ended())
        with self.server.client() as c:
            c.send("GET /hello HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
            self.assertEqual(c.response().get("Connection"), "keep-alive")
            c.send("GET /hello HTTP/1.0\r\n\r\n")
            self.assertEqual(c.response().get("Connection"), "close")
            self.assertTrue(c.ended())

    def test_requests_on_a_connection_are_limited(self):
        with self.server.client() as c:
            for i in range(50):
                r = c.ask("GET", "/hello")
            self.assertEqual(r.get("Connection"), "close")
            self.assertTrue(c.ended())

    def test_pipelining(self):
        one = f"GET /hello HTTP/1.1\r\n{HOST}\r\n"
        post = f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: 3\r\n\r\nabc"
        later = f"GET /later?30 HTTP/1.1\r\n{HOST}\r\n"
        file = f"GET /hello.txt HTTP/1.1\r\n{HOST}\r\n"
        for parts, bodies in [([one] * 16, [b"hello"] * 16),
                              ([post, one] * 8, [b"abc", b"hello"] * 8),
                              ([later, one, file, post] * 4,
                               [b"later", b"hello", b"hello world\n", b"abc"] * 4),
                              ([file] * 16, [b"hello world\n"] * 16)]:
            with self.server.client() as c:
                c.send("".join(parts))
                for body in bodies:
                    self.assertEqual(c.response().body, body)
                self.assertEqual(c.ask("GET", "/hello").body, b"hello")
        with self.server.client() as c:  # cut anywhere
            data = "".join([post, file, one])
            for i in range(0, len(data), 7):
                c.send(data[i:i + 7])
                time.sleep(0.001)
            self.assertEqual([c.response().body for _ in range(3)],
                             [b"abc", b"hello world\n", b"hello"])

    def test_a_bad_request_behind_good_ones(self):
        with self.server.client() as c:
            c.send(f"GET /hello HTTP/1.1\r\n{HOST}\r\nGET /hello HTTP/1.1\r\n{HOST}\r\nBAD\r\n\r\n"
                   f"GET /hello HTTP/1.1\r\n{HOST}\r\n")
            self.assertEqual([c.response().status for _ in range(3)], [200, 200, 400])
            self.assertTrue(c.ended())

    def test_half_close(self):
        base = self.server.descriptors()
        for path, want in [("/hello", b"hello"), ("/later?50", b"later"),
                           ("/stream?100000", b"s" * 100000), ("/hello.txt", b"hello world\n")]:
            with self.server.client() as c:
                c.send(f"GET {path} HTTP/1.1\r\n{HOST}\r\n")
                c.s.shutdown(1)
                self.assertEqual(c.response().body, want)
                self.assertTrue(c.ended())
        for part in ["", "GET", f"GET /hello HTTP/1.1\r\n{HOST}",
                     f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: 9\r\n\r\nabc"]:
            with self.server.client() as c:
                c.send(part)
                c.s.shutdown(1)
                self.assertTrue(c.ended(), part)
        self.settle(base)

    def test_garbage(self):
        base = self.server.descriptors()
        for data in [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\0" * 5000, b"\xff" * 20000,
                     b"\r\n\r\n", b"HELO x\r\n\r\n"]:
            with self.server.client() as c:
                try:
                    c.send(data)
                    c.s.shutdown(1)
                except OSError:
                    pass
                try:
                    self.assertIn(c.response().status, (400, 414))
                except Broken:
                    pass
        self.assertEqual(self.ask("GET", "/hello").body, b"hello")
        self.settle(base)
