# Files: types, conditions, ranges, folders, and paths that try to get out.
# SPDX-License-Identifier: MIT
import email.utils
import hashlib
import html
import os
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse

import kit
from kit import Broken, Folder

DATA = bytes(i * 7 % 256 for i in range(1000))
WINDOWS = kit.BACKEND == "iocp"
STRANGE = "a b&c'#%41.txt" if WINDOWS else "a b&c<d>'\"#?%41.txt"  # as strange as may be
STRANGE_URL = urllib.parse.quote(STRANGE)
BIG = hashlib.shake_128(b"proa").digest(3_000_000)


def parts(test, r):
    boundary = re.match(r"multipart/byteranges; boundary=(\S+)$", r.get("Content-Type"))[1]
    pieces = r.body.split(b"\r\n--" + boundary.encode())
    test.assertEqual((pieces[0], pieces[-1]), (b"", b"--\r\n"))
    found = []
    for piece in pieces[1:-1]:
        m = re.match(rb"\r\nContent-Type: [^\r]+\r\n"
                     rb"Content-Range: bytes (\d+)-(\d+)/\d+\r\n\r\n", piece)
        found.append((int(m[1]), int(m[2]), piece[m.end():]))
    return found


class Large:
    """What holds on each sort of connection."""

    def test_a_file_that_shrinks(self):
        """The client must not take it for whole: the connection ends short."""
        path = self.put("shrinks", b"x" * 8_000_000)
        with self.server.client(rcvbuf=4096) as c:
            c.send("GET /shrinks HTTP/1.1\r\nHost: x\r\n\r\n" * 2)  # no second answer within
            while b"\r\n\r\n" not in c.buf:
                c.more()
            os.truncate(path, 100)
            got = c.rest()
            self.assertLess(len(got), 8_000_000)
            self.assertEqual(got.count(b"HTTP/1.1"), 1)
        os.unlink(path)


class Files(Large, Folder):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.put("data.bin", DATA)
        cls.put("big.bin", BIG)
        cls.put("empty", b"")
        cls.put(".hidden", b"secret")
        cls.put(".git/config", b"secret")
        cls.put("sub/page.html", b"<p>page")
        cls.put("site/index.html", b"<p>index")
        cls.put(STRANGE, b"strange")
        cls.put("\u00e4\u00f6.md", b"# umlauts")
        cls.put("outside-target/x", b"x")
        os.mkfifo(os.path.join(cls.folder, "fifo"))
        s = socket.socket(socket.AF_UNIX)
        s.bind(os.path.join(cls.folder, "sock"))
        s.close()
        os.symlink("/etc/passwd", os.path.join(cls.folder, "passwd"))
        os.symlink("/etc", os.path.join(cls.folder, "etc"))
        os.symlink("../../../../etc/passwd", os.path.join(cls.folder, "sub/up"))
        os.symlink("loop", os.path.join(cls.folder, "loop"))
        os.symlink("data.bin", os.path.join(cls.folder, "inside.bin"))

    def test_types(self):
        for name, kind in [("x.html", "text/html; charset=utf-8"),
                           ("x.css", "text/css; charset=utf-8"),
                           ("x.JS", "text/javascript; charset=utf-8"), ("x.png", "image/png"),
                           ("x.svg", "image/svg+xml"), ("x.json", "application/json"),
                           ("x.txt", "text/plain; charset=utf-8"), ("x.wasm", "application/wasm"),
                           ("x.unknown", "application/octet-stream"),
                           ("x", "application/octet-stream")]:
            self.put(name, b"x")
            self.assertEqual(self.ask("GET", "/" + name).get("Content-Type"), kind)
            os.unlink(os.path.join(self.folder, name))

    def test_whole_files(self):
        inside = [] if WINDOWS else [("inside.bin", DATA)]  # there, no link is followed at all
        with self.server.client() as c:
            for name, data in [("data.bin", DATA), ("big.bin", BIG), ("empty", b""),
                               ("hello.txt", b"hello world\n")] + inside:
                for method in ("GET", "HEAD"):
                    r = c.ask(method, "/" + name)
                    self.assertEqual(r.status, 200)
                    self.assertEqual(r.get("Content-Length"), str(len(data)))
                    self.assertEqual(r.get("Accept-Ranges"), "bytes")
                    self.assertEqual(r.body, data if method == "GET" else b"")

    def test_changes_are_seen_at_once(self):
        """Rewritten in place with the same length, replaced, grown, and gone."""
        path = os.path.join(self.folder, "changing")
        with self.client() as c:
            for i in range(60):
                data = b"%03d" % i * (3000 if i % 7 == 6 else 1)
                name = path + ".new" if i % 3 == 0 else path
                with open(name, "r+b" if name == path and i % 7 else "wb") as f:
                    f.write(data)
                if name != path:
                    os.replace(name, path)
                c.send("GET /changing HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
                for _ in range(2):
                    self.assertEqual(c.response().body[:len(data)], data)
            os.unlink(path)
            c.send("GET /changing HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(c.response().status, 404)

    def test_methods(self):
        with self.server.client() as c:
            for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "MKCOL"]:
                r = c.ask(method, "/hello.txt", "Content-Length: 3", body=b"abc")
                self.assertEqual((r.status, r.get("Allow")), (405, "GET, HEAD, OPTIONS"))
            r = c.ask("OPTIONS", "/hello.txt")
            self.assertEqual((r.status, r.get("Allow"), r.get("Content-Length")),
                             (204, "GET, HEAD, OPTIONS", None))
            r = c.ask("GET", "/hello.txt", "Content-Length: 3", body=b"abc")
            self.assertEqual(r.status, 200)

    def test_conditions(self):
        with self.server.client() as c:
            r = c.ask("GET", "/data.bin")
            tag, date = r.get("ETag"), r.get("Last-Modified")
            self.assertRegex(tag, r'^"[0-9a-f]+-[0-9a-f]+-[0-9a-f]+"$')
            stamp = email.utils.parsedate_to_datetime(date).timestamp()
            self.assertEqual(int(stamp), int(os.stat(self.folder + "/data.bin").st_mtime))
            before = email.utils.formatdate(stamp - 1, usegmt=True)
            for fields, status in [
                    ([f"If-None-Match: {tag}"], 304), ([f'If-None-Match: "x", W/{tag}'], 304),
                    (["If-None-Match: *"], 304), (['If-None-Match: "x"'], 200),
                    ([f"If-Modified-Since: {date}"], 304), ([f"If-Modified-Since: {before}"], 200),
                    ([f'If-None-Match: "x"', f"If-Modified-Since: {date}"], 200),
                    (["If-Modified-Since: never"], 200), ([f"If-Match: {tag}"], 200),
                    (['If-Match: "x"'], 412), ([f"If-Match: W/{tag}"], 412), (["If-Match: *"], 200),
                    ([f"If-Unmodified-Since: {before}"], 412),
                    ([f"If-Unmodified-Since: {date}"], 200)]:
                for method in ("GET", "HEAD"):
                    r = c.ask(method, "/data.bin", *fields)
                    self.assertEqual(r.status, status, fields)
                    if status == 304:
                        self.assertEqual((r.get("ETag"), r.get("Last-Modified")), (tag, date))
            self.put("changing", b"one")
            first = c.ask("GET", "/changing").get("ETag")
            self.put("changing", b"two")
            r = c.ask("GET", "/changing", f"If-None-Match: {first}")
            self.assertEqual((r.status, r.body), (200, b"two"))

    def test_versions(self):
        """Many files alike but for their inodes; then one with another time, and another size."""
        names = [f"version{i}" for i in range(40)]
        when = 1000000000
        for name in names:
            self.put(name, b"same")
            os.utime(f"{self.folder}/{name}", (when, when))
        with self.server.client() as c:
            def tag(name, at=when):
                r = c.ask("GET", "/" + name)
                self.assertEqual(r.get("Last-Modified"), email.utils.formatdate(at, usegmt=True))
                return r.get("ETag")

            tags = [tag(name) for name in names]
            self.assertEqual(len(set(tags)), len(names))
            self.assertEqual([tag(name) for name in names], tags)
            os.utime(f"{self.folder}/{names[0]}", (when, when + 1))
            self.assertNotEqual(tag(names[0], when + 1), tags[0])
            with open(f"{self.folder}/{names[1]}", "ab") as f:
                self.assertEqual(tag(names[1]), tags[1])
                f.write(b"more")
            os.utime(f"{self.folder}/{names[1]}", (when, when))
            self.assertNotEqual(tag(names[1]), tags[1])

    def test_one_range(self):
        n = len(DATA)
        with self.server.client() as c:
            for value, first, last in [
                    ("0-0", 0, 0), ("0-", 0, n - 1), ("999-", 999, 999), ("-1", 999, 999),
                    ("-1000", 0, 999), ("-1001", 0, 999), ("10-19", 10, 19), ("990-2000", 990, 999),
                    (f"0-{2**63 - 1}", 0, 999), (f"0-{2**63}", 0, 999), (f"0-{2**64 - 1}", 0, 999),
                    (f"1-{2**64}", 1, 999), (f"2-{2**64 + 1}", 2, 999), (f"-{2**63}", 0, 999),
                    (f"-{2**64 + 1}", 0, 999)]:
                r = c.ask("GET", "/data.bin", f"Range: bytes={value}")
                self.assertEqual((r.status, r.get("Content-Range")),
                                 (206, f"bytes {first}-{last}/{n}"), value)
                self.assertEqual(r.body, DATA[first:last + 1])
            for value in ["1000-", "1000-1001", "-0", f"{2**63 - 1}-", f"{2**63}-", f"{2**64 - 1}-",
                          f"{2**64}-", f"{2**64 + 1}-{2**64 + 2}", "2000-,3000-"]:
                r = c.ask("GET", "/data.bin", f"Range: bytes={value}")
                self.assertEqual((r.status, r.get("Content-Range")), (416, f"bytes */{n}"), value)
            for value in ["bytes=", "bytes=a-b", "bytes=5-1", "bytes=-", "items=0-1", "bytes=1",
                          "x", "bytes=0-1-2", "bytes=--1", "bytes=0x0-1", "bytes=" + "0-0," * 3000]:
                r = c.ask("GET", "/data.bin", f"Range: {value}")
                self.assertEqual((r.status, r.body), (200, DATA), value[:40])
            r = c.ask("GET", "/empty", "Range: bytes=0-")
            self.assertEqual((r.status, r.get("Content-Range")), (416, "bytes */0"))
            self.assertEqual(c.ask("HEAD", "/data.bin", "Range: bytes=0-1").status, 200)
            r = c.ask("GET", "/big.bin", "Range: bytes=1000000-2000000")
            self.assertEqual(r.body, BIG[1000000:2000001])

    def test_several_ranges(self):
        with self.server.client() as c:
            for name, data, value, want in [
                    ("data.bin", DATA, "0-1,5-6,-1", [(0, 1), (5, 6), (999, 999)]),
                    ("data.bin", DATA, "0-0, 2000-, 3-3", [(0, 0), (3, 3)]),
                    ("big.bin", BIG, "5-1000000,2000000-", [(5, 1000000), (2000000, 2999999)])]:
                r = c.ask("GET", "/" + name, f"Range: bytes={value}")
                self.assertEqual(r.status, 206)
                self.assertEqual(parts(self, r), [(a, b, data[a:b + 1]) for a, b in want])
            r = c.ask("GET", "/data.bin", "Range: bytes=0-0,5000-")
            self.assertEqual((r.status, r.body), (206, DATA[:1]))
            for value in [",".join(f"{i}-{i}" for i in range(0, 20, 2)), "0-,0-", "0-600,300-999"]:
                self.assertEqual(c.ask("GET", "/data.bin", f"Range: bytes={value}").body, DATA)

    def test_if_range(self):
        os.utime(self.folder + "/data.bin", (10**9, 10**9))
        with self.server.client() as c:
            r = c.ask("GET", "/data.bin")
            tag, date = r.get("ETag"), r.get("Last-Modified")
            for value, status in [(tag, 206), ("W/" + tag, 200), ('"x"', 200), (date, 206),
                                  ("Sun, 09 Sep 2001 01:46:39 GMT", 200), ("x", 200)]:
                r = c.ask("GET", "/data.bin", "Range: bytes=0-9", f"If-Range: {value}")
                self.assertEqual(r.status, status, value)

    def test_paths_that_try_to_get_out(self):
        outside = os.path.basename(self.folder) + "-outside"
        path = os.path.join(os.path.dirname(self.folder), outside)
        with open(path, "w") as f:
            f.write("outside")
        self.addCleanup(os.unlink, path)
        for target in [f"/../{outside}", f"/%2e%2e/{outside}", f"/.%2e/{outside}",
                       f"/%2e%2e%2f{outside}", f"/..%2f{outside}", f"/..\\{outside}",
                       f"/..%5c{outside}", f"/%252e%252e/{outside}", f"/%252e%252e%252f{outside}",
                       f"/sub/../../{outside}", f"//../{outside}", f"/./../{outside}",
                       f"/sub/%2e%2e/%2e%2e/{outside}", f"/..%00/{outside}", f"/hello.txt%00.html",
                       f"/..%c0%af{outside}", f"/%c0%ae%c0%ae/{outside}", "//etc/passwd",
                       "/%2fetc/passwd", "/sub/..;/..;/etc/passwd", f"/..//{outside}", "/passwd",
                       "/etc/passwd", "/etc/", "/etc", "/sub/up", "/.hidden", "/.git/config",
                       "/.git/", "/sub/../.hidden", "/%2ehidden", "/loop", "/.", "/.."]:
            r = self.ask("GET", target)
            if target == "/.":
                self.assertEqual(r.status, 200)
                continue
            self.assertIn(r.status, (400, 403, 404), target)
            self.assertNotIn(b"outside", r.body)
            self.assertNotIn(b"root:", r.body)
            self.assertNotIn(b"secret", r.body)
        self.assertEqual(self.ask("GET", "/sub/../hello.txt").body, b"hello world\n")
        self.assertEqual(self.ask("GET", "//hello.txt").body, b"hello world\n")

    def test_special_files(self):
        for name in ("fifo", "sock"):
            self.assertIn(self.ask("GET", "/" + name).status, (403, 404))

    def test_swapped_links(self):
        """A folder swapped for a link to the outside never lets the outside through."""
        if kit.RUN:
            self.skipTest("Wine follows the host's links before Windows' calls can see one")
        self.put("swap/x", b"inside")
        swap, keep = self.folder + "/swap", self.folder + "/kept"
        out = os.path.join(os.path.dirname(self.folder), os.path.basename(self.folder) + "-out")
        os.mkdir(out)
        with open(out + "/x", "w") as f:
            f.write("outside")
        self.addCleanup(shutil.rmtree, out)
        stop = threading.Event()

        def swapper():
            while not stop.is_set():
                os.rename(swap, keep)
                os.symlink(out, swap)
                os.unlink(swap)
                os.rename(keep, swap)

        t = threading.Thread(target=swapper)
        t.start()
        try:
            with self.server.client() as c:
                for _ in range(300):
                    r = c.ask("GET", "/swap/x")
                    self.assertIn(r.status, (200, 403, 404))
                    self.assertNotEqual(r.body, b"outside")
        finally:
            stop.set()
            t.join()

    def test_folders(self):
        r = self.ask("GET", "/sub?a=b")
        self.assertEqual((r.status, r.get("Location")), (301, "/sub/?a=b"))
        self.assertEqual(self.ask("GET", "//sub").get("Location"), "/sub/")
        self.assertEqual(self.ask("GET", "/site/").body, b"<p>index")
        self.assertEqual(self.ask("GET", "/site").get("Location"), "/site/")
        self.assertEqual(self.ask("GET", "/hello.txt/").status, 404)
        self.assertEqual(self.ask("GET", "/nothing/").status, 404)
        self.assertEqual(self.ask("GET", "/nothing").status, 404)
        self.assertEqual(self.ask("GET", "/" + "n" * 300).status, 404)

    def test_listing(self):
        r = self.ask("GET", "/")
        self.assertEqual(r.get("Content-Type"), "text/html; charset=utf-8")
        page = r.body.decode()
        self.assertIn('name="viewport"', page)
        self.assertIn("prefers-color-scheme", page)
        names = re.findall(r'<span class="n">(.*?)</span>', page)
        folders = [n for n in names if n.endswith("/")]
        self.assertEqual(names[:len(folders)], folders)  # folders first
        self.assertEqual(folders, sorted(folders, key=str.lower))
        self.assertIn(html.escape(STRANGE).replace("&#x27;", "&#39;"), names)
        self.assertIn("\u00e4\u00f6.md", names)
        special = () if WINDOWS else ("fifo", "sock")  # Wine lists them as files
        for hidden in ("hidden", ".git", *special):
            self.assertFalse([n for n in names if hidden in n], hidden)
        links = re.findall(r'href="\./([^"]+)"', page)
        self.assertIn(STRANGE_URL, links)
        self.assertEqual(len(links), len(names))
        with self.server.client() as c:
            r2 = c.ask("GET", "/" + STRANGE_URL)
            self.assertEqual(r2.body, b"strange")
            self.assertEqual(c.ask("HEAD", "/").get("Content-Length"), str(len(r.body)))
            self.assertIn('href="../"', c.ask("GET", "/sub/").body.decode())
        self.assertIn("3.0 MB", page)
        self.assertIn("1.0 kB", page)

    def test_a_large_folder(self):
        os.mkdir(self.folder + "/many")
        for i in range(600):
            open(f"{self.folder}/many/file-{i:05}-{'x' * 60}", "w").close()
        page = self.ask("GET", "/many/").body.decode()
        self.assertEqual(len(re.findall(r'href="\./file-', page)), 600)
        self.assertIn("600 files", page)
        shutil.rmtree(self.folder + "/many")

    def test_client_gone(self):
        base = self.server.descriptors()
        for _ in range(20):
            with self.server.client(rcvbuf=4096) as c:
                c.send("GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n")
                c.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        for _ in range(20):
            with self.server.client() as c:
                c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 5)
        self.settle(base)

    def test_many_at_once(self):
        failed = []

        def one(i):
            try:
                with self.server.client() as c:
                    for _ in range(5):
                        name, data = [("big.bin", BIG), ("data.bin", DATA)][i % 2]
                        if c.ask("GET", "/" + name).body != data:
                            failed.append(i)
            except (Broken, OSError, AssertionError) as e:
                failed.append(e)

        threads = [threading.Thread(target=one, args=(i,)) for i in range(40)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(failed, [])

    def test_curl(self):
        if not shutil.which("curl"):
            self.skipTest("no curl")
        url = f"http://127.0.0.1:{self.server.port}/"
        out = self.folder + "/sub/part"
        with open(out, "wb") as f:
            f.write(BIG[:1234])
        run = lambda *a: subprocess.run(["curl", "-sS", "-m", "10", *a], stdout=subprocess.PIPE,
                                        check=True).stdout
        self.assertEqual(run(url + "hello.txt"), b"hello world\n")
        run("-C", "-", "-o", out, url + "big.bin")  # resumes by a range
        with open(out, "rb") as f:
            self.assertEqual(f.read(), BIG)
        self.assertEqual(run("-L", url + "site"), b"<p>index")
        self.assertEqual(run("-H", "Range: bytes=0-3", url + "hello.txt"), b"hell")
        self.assertEqual(run("-I", url + "hello.txt")[:15], b"HTTP/1.1 200 OK")
        os.unlink(out)


class Local(Large, Folder):
    """On a Unix socket; on Windows on a pipe with a name, where the system sends no file. Only
    programs in Wine can open that, so a relay stands in front of it."""

    @classmethod
    def start(cls):
        cls.put("big.bin", BIG)
        if not WINDOWS:
            return kit.serve(cls.folder, "--workers", "1", listen=f"unix:{cls.folder}/sock")
        name = "pipe:proa-files-%d" % os.getpid()
        cls.behind = kit.serve(cls.folder, "--workers", "1", listen=name)
        return kit.Process([kit.PROA, "relay", "127.0.0.1:0", name, "--backend", kit.BACKEND])

    @classmethod
    def tearDownClass(cls):
        try:
            super().tearDownClass()
        finally:
            if WINDOWS:
                status, _, err = cls.behind.end()
        assert not WINDOWS or (status, err) == (0, b""), (status, err)

    def test_whole_and_in_parts(self):
        with self.server.client() as c:
            for _ in range(2):
                self.assertEqual(c.ask("GET", "/big.bin").body, BIG)
            self.assertEqual(c.ask("GET", "/hello.txt").body, b"hello world\n")
            r = c.ask("GET", "/big.bin", "Range: bytes=1000000-2000000")
            self.assertEqual((r.status, r.body), (206, BIG[1000000:2000001]))
            r = c.ask("GET", "/big.bin", "Range: bytes=5-1000000,1500000-1500001,2000000-")
            want = [(5, 1000000), (1500000, 1500001), (2000000, 2999999)]
            self.assertEqual(parts(self, r), [(a, b, BIG[a:b + 1]) for a, b in want])

    def test_several_wait_for_a_client(self):
        with self.server.client(rcvbuf=4096) as c:
            for name in "big.bin", "hello.txt", "big.bin":
                c.send(f"GET /{name} HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.2)
            for data in BIG, b"hello world\n", BIG:
                self.assertEqual(c.response().body, data)
