# The command itself: what it prints, how it fails, what it leaves behind.
# SPDX-License-Identifier: MIT
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import kit
from kit import Process, run, serve


class Words(kit.Command):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="proa-command-")
        self.addCleanup(shutil.rmtree, self.folder)
        with open(self.folder + "/file", "w") as f:
            f.write("x")

    def test_help(self):
        r = run()
        self.assertEqual((r.returncode, r.stdout), (2, b""))
        self.assertIn(b"usage: proa", r.stderr)
        self.assertEqual(run("--help").returncode, 0)
        self.assertRegex(run("--version").stdout, rb"\Aproa \d+\.\d+\.\d+\n\Z")
        for command in ("serve", "echo", "relay", "copy", "watch", "resolve", "doctor",
                        "lab"):
            r = run(command, "--help")
            self.assertEqual((r.returncode, r.stderr), (0, b""))
            self.assertIn(b"usage: proa " + command.encode(), r.stdout)
            self.assertIn(command.encode(), run("--help").stdout)

    @unittest.skipUnless(os.path.exists("/dev/full"), "no file that is always full here")
    def test_what_cannot_be_printed(self):
        for args in (["--version"], ["--help"], ["copy", "--help"], ["doctor"],
                     ["resolve", "127.0.0.1"], ["watch", self.folder]):
            with open("/dev/full", "wb") as full:
                r = subprocess.run([*kit.RUN, kit.PROA, *args], stdout=full,
                                   stderr=subprocess.PIPE, timeout=20)
            self.assertEqual((r.returncode, r.stderr), (2, b"proa: cannot write to stdout\n"), args)

    def test_bad_arguments(self):
        for args, word in [
                (["frob"], "frob"), (["serve", "--frob"], "--frob"), (["serve", "a", "b"], "b"),
                (["serve", "--listen"], "--listen"), (["serve", "--listen", "x"], "x"),
                (["serve", "--listen", "1.2.3.4.5:1"], "1.2.3.4.5:1"),
                (["serve", "--listen", "127.0.0.1:70000"], "70000"),
                (["serve", "--listen", "127.0.0.1:-1"], "-1"),
                (["serve", "--listen=127.0.0.1:x"], ":x"), (["serve", "--workers", "0"], "0"),
                (["serve", "--workers", "many"], "many"), (["serve", "--workers", "-1"], "-1"),
                (["serve", "--workers", "99999999999999999999"], "9999"),
                (["serve", "--log=yes"], "--log"), (["serve", "--backend", "frob"], "frob"),
                (["serve", "--backend", ""], "--backend"), (["echo"], "--listen"),
                (["echo", "--listen", ":0", "x"], "x"), (["echo", "--log"], "--log"),
                (["echo", "--listen", "127.0.0.1:0", "--backend", "frob"], "frob"),
                (["echo", "--buffers", "0"], "0"), (["echo", "--buffers", "32769"], "32768"),
                (["serve", "--buffers", "5"], "--buffers"),
                (["doctor", "x"], "x"), (["serve", self.folder + "/none"], "none"),
                (["serve", self.folder + "/file"], "folder"), (["serve", "a\nb"], "a?b"),
                (["serve", self.folder, "--listen", "192.0.2.1:80"], "192.0.2.1")]:
            self.fails(*args, word=word)

    def test_backend_from_the_environment(self):
        self.fails("serve", self.folder, "--listen", "127.0.0.1:0", word="frob",
                   env=dict(os.environ, PROA_BACKEND="frob"))

    def test_port_in_use(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            addr = f"127.0.0.1:{s.getsockname()[1]}"
            for workers in ("1", "2"):
                self.fails("serve", self.folder, "--listen", addr, "--workers", workers, word=addr)
                self.fails("echo", "--listen", addr, "--workers", workers, word=addr)

    @kit.windows("a process has no limit of descriptors")
    def test_too_few_descriptors(self):
        for n in (4, 6, 8):
            limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n))
            self.fails("serve", self.folder, "--listen", "127.0.0.1:0", "--workers", "4",
                       preexec_fn=limit)

    def test_doctor(self):
        r = run("doctor", "--json")
        self.assertEqual((r.returncode, r.stderr), (0, b""))
        report = json.loads(r.stdout)
        self.assertLessEqual(report["sizes"]["op"], 160 if kit.BACKEND == "iocp" else 128)
        self.assertLessEqual(report["sizes"]["handle"], 104)
        self.assertIn(kit.BACKEND, [b["name"] for b in report["backends"]])
        for item in report["backends"] + report["features"]:
            self.assertEqual(set(item), {"name", "works", "why"})
        self.assertIn(report["backends"][0]["name"].encode(), run("doctor").stdout)

    def test_printed_lines(self):
        server = serve(self.folder)
        folder = os.path.realpath(self.folder)
        if kit.BACKEND == "iocp":
            folder = "Z:" + folder.replace("/", "\\")  # this system's root, for Wine
        self.assertEqual(server.line(), f"serving {folder} at "
                                        f"http://127.0.0.1:{server.port}/\n")
        self.assertEqual(server.end(), (0, b"", b""))

    @kit.windows("Wine 8 has no AF_UNIX")
    def test_local_socket(self):
        """Reachable, and its name is gone afterwards."""
        path = self.folder + "/s"
        for args in (["serve", self.folder], ["echo"]):
            p = subprocess.Popen([*kit.RUN, kit.PROA, *args, "--listen", "unix:" + path,
                                  "--backend", kit.BACKEND], stdout=subprocess.PIPE, bufsize=0)
            self.assertEqual(p.stdout.readline().decode(), f"listening unix:{path}\n")
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(path)
                s.sendall(b"GET /file HTTP/1.0\r\n\r\n")
                self.assertTrue(s.recv(100))
            p.send_signal(kit.TERM)
            p.communicate(timeout=8)
            self.assertEqual(p.returncode, 0)
            self.assertFalse(os.path.exists(path))

    def test_signals(self):
        for signo in {kit.TERM, signal.SIGINT}:
            for args in (["serve", self.folder], ["echo"], ["echo", "--workers", "2"]):
                server = Process([kit.PROA, *args, "--listen", "127.0.0.1:0", "--backend",
                                  kit.BACKEND])
                server.p.send_signal(signo)
                status, _, err = server.end()
                self.assertEqual((status, err), (0, b""))

    def test_echo(self):
        for workers in ("1", "2"):
            server = Process([kit.PROA, "echo", "--listen", "127.0.0.1:0", "--backend", kit.BACKEND,
                              "--workers", workers, "--stats"])
            data = os.urandom(1_000_000)
            with server.client() as c:
                c.s.setblocking(True)
                for i in range(0, len(data), 10000):
                    c.send(data[i:i + 10000])
                    self.assertEqual(c.exact(10000), data[i:i + 10000])
                c.s.shutdown(1)
                self.assertTrue(c.ended())
            status, out, err = server.end()
            self.assertEqual((status, err), (0, b""))
            self.assertRegex(out.decode(), rf"^stats backend={kit.BACKEND} .*bytes_in=1000000 ")


class Log(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="proa-log-")
        self.addCleanup(shutil.rmtree, self.folder)
        with open(self.folder + "/file", "w") as f:
            f.write("12345")

    def test_lines(self):
        server = serve(self.folder, "--log", "--workers", "2")
        for target, fields in [("/file", ["Referer: http://r/", 'User-Agent: a"b\\c\x80\tx']),
                               ("/none", []), ("/%zz", [])]:
            with server.client() as c:
                c.ask("GET", target, *fields)
        with server.client() as c:
            c.send("BAD\r\n\r\n")
            c.response()
        status, out, err = server.end()
        self.assertEqual((status, err), (0, b""))
        lines = [x for x in out.decode().split("\n") if x.startswith("127.")]
        self.assertEqual(len(lines), 4, out)
        agent = r'"a\\x22b\\x5cc\\x80\\x09x"'
        for want in [r'"GET /file HTTP/1\.1" 200 5 "http://r/" ' + agent + r' \d+\.\d{3}',
                     r'"GET /none HTTP/1\.1" 404 14 "-" "-" \d+\.\d{3}',
                     r'"GET /%zz HTTP/1\.1" 400 \d+ "-" "-" \d+\.\d{3}',
                     r'"- - HTTP/1\.1" 400 \d+ ']:
            full = r"127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] " + want
            self.assertTrue([x for x in lines if re.match(full, x)], (full, lines))

    def start(self, out):
        """A server whose stdout is `out`, and its port: chosen here, for it cannot be read."""
        for _ in range(5):  # somebody else may take the port in between
            p, port = self.start_once(out)
            if p.poll() is None:
                return p, port
            p.stderr.close()
        self.fail("five ports were taken")

    def start_once(self, out):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        p = subprocess.Popen([*kit.RUN, kit.PROA, "serve", self.folder, "--listen",
                              f"127.0.0.1:{port}", "--backend", kit.BACKEND, "--workers", "1",
                              "--log"],
                             stdout=out, stderr=subprocess.PIPE)
        end = time.monotonic() + kit.CALM_SEC
        while p.poll() is None:
            try:
                kit.Client(port).s.close()
                break
            except OSError:
                self.assertLess(time.monotonic(), end)
                time.sleep(0.02)
        return p, port

    def ask(self, port, n):
        with kit.Client(port) as c:
            for _ in range(n):
                self.assertEqual(c.ask("GET", "/file", "User-Agent: " + "u" * 300).body, b"12345")

    def stop(self, p):
        p.send_signal(kit.TERM)
        _, err = p.communicate(timeout=12)
        self.assertEqual(p.returncode, 0)
        return err

    def test_full_disk(self):
        with open("/dev/full", "wb") as full:
            p, port = self.start(full)
        self.ask(port, 50)
        self.assertRegex(self.stop(p), rb"\Aproa: 50 lines of the access log[^\n]+\n\Z")

    def test_reader_gone(self):
        r, w = os.pipe()
        p, port = self.start(w)
        os.close(w)
        os.close(r)
        self.ask(port, 50)
        self.assertRegex(self.stop(p), rb"\Aproa: \d+ lines of the access log[^\n]+\n\Z")

    def test_reader_that_stops(self):
        r, w = os.pipe()
        p, port = self.start(w)
        os.close(w)
        self.ask(port, 3000)  # more than the pipe and both buffers take
        os.close(r)
        self.assertRegex(self.stop(p), rb"\Aproa: \d+ lines of the access log[^\n]+\n\Z")
