# Good requests, cut, mixed, damaged and abandoned at random, from a seed.
# SPDX-License-Identifier: MIT
import os
import random
import socket
import time

from kit import Folder, app

HOST = "Host: x\r\n"
SECONDS = 4
LINGER_0 = b"\1\0\0\0\0\0\0\0"
GETS = ["/hello", "/hello.txt", "/", "/sub", "/stream?100000", "/sized?1000", "/later?5", "/short",
        "/abort", "/nothing", "/set", "/empty", "/file"]
POSTS = [("/echo", "Content-Length: 10\r\n\r\n0123456789"),
         ("/echo", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n"),
         ("/paused", "Content-Length: 10\r\n\r\n0123456789"),
         ("/early", "Content-Length: 5\r\n\r\n01234"),
         ("/count", "Expect: 100-continue\r\nContent-Length: 3000\r\n\r\n" + "x" * 3000)]


class Chaos(Folder):
    @classmethod
    def start(cls):
        cls.put("big.bin", b"b" * 1_000_000)
        cls.put("sub/x", b"x")
        return app(cls.folder, 300, 300)

    def request(self, r):
        if r.random() < 0.3:
            path, rest = r.choice(POSTS)
            return f"POST {path} HTTP/1.1\r\n{HOST}{rest}".encode()
        if r.random() < 0.3:
            span = r.choice(["0-1,3-", "0-1000,3000-", "-5", "7-"])
            return f"GET /big.bin HTTP/1.1\r\n{HOST}Range: bytes={span}\r\n\r\n".encode()
        return f"{r.choice(['GET', 'HEAD'])} {r.choice(GETS)} HTTP/1.1\r\n{HOST}\r\n".encode()

    def damaged(self, r, data):
        data = bytearray(data)
        for _ in range(r.randint(1, 4)):
            i, n = r.randrange(len(data)), r.randint(1, 30)
            match r.randrange(3):
                case 0:
                    data[i] = r.choice(b"\r\n \t:;,0159afGPx\x00\xff%/.")
                case 1:
                    del data[i:i + n]
                case 2:
                    data[i:i] = data[i:i + n]
            data = data or bytearray(b"x")
        return bytes(data)

    def one(self, r):
        data = b"".join(self.request(r) for _ in range(r.randint(1, 8)))
        if r.random() < 0.6:
            data = self.damaged(r, data)
        with self.server.client(rcvbuf=r.choice([0, 4096])) as c:
            c.s.settimeout(0.5)
            try:
                while data:
                    n = r.choice([1, 7, 100, 10000])
                    c.s.sendall(data[:n])
                    data = data[n:]
                if r.random() < 0.3:
                    c.s.shutdown(socket.SHUT_WR)
                if r.random() < 0.6:
                    while c.s.recv(65536):
                        pass
            except OSError:
                pass
            if r.random() < 0.3:
                c.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)

    def test_chaos(self):
        seed = int(os.environ.get("PROA_SEED", 1))  # no matter of chance, unless it is asked for
        base, r = self.server.descriptors(), random.Random(seed)
        end = time.monotonic() + SECONDS
        with self.subTest(seed=seed):
            while time.monotonic() < end:
                self.one(r)
                self.assertIsNone(self.server.p.poll())
            self.assertEqual(self.ask("GET", "/hello").body, b"hello")
            self.settle(base)
