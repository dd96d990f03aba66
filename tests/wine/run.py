#!/usr/bin/env python3
# proa.exe under Wine, used from here: run.py WINE PROA [ROUNDS] (of the echo).
# SPDX-License-Identifier: MIT
import asyncio
import html
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.parse

WINE, PROA = sys.argv[1:3]
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 1
CONNECTIONS, MESSAGES = 200, 15
RANDOM = random.Random(1)


class Program:
    """proa.exe with arguments, and the port it says it listens on."""

    def __init__(self, *args):
        self.process = subprocess.Popen([WINE, PROA, *args, "--listen", "127.0.0.1:0"],
                                        bufsize=0, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        line = self.process.stdout.readline().decode()
        found = re.fullmatch(r"listening 127\.0\.0\.1:(\d+)\n", line)
        if not found:
            self.process.kill()
            raise AssertionError((line, self.process.communicate()[1]))
        self.port = int(found.group(1))

    def stop(self):
        """Ctrl-C: ends cleanly and soon, and has said nothing on stderr. What it said on stdout."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        out, errors = self.process.communicate(timeout=20)
        assert self.process.returncode == 0 and not errors, (self.process.returncode, errors)
        assert time.monotonic() - began < 5
        return out.decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


# ---- a folder ----

FILES = {
    "small.txt": b"small\n",
    "empty": b"",
    "page.html": b"<p>hello</p>",
    "with blanks & more.txt": b"blanks",
    "gr\u00fc\u00dfe \u20ac \U0001f6a3.txt": b"text in a name",
    "sub folder/inner \u00f1.css": b"p{}",
    ".hidden": b"secret",
    "large": RANDOM.randbytes(20_000_000),
}


def folder_make(top):
    for name, data in FILES.items():
        path = os.path.join(top, "public", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
    with open(os.path.join(top, "outside"), "w") as file:
        file.write("outside")
    os.symlink("../outside", os.path.join(top, "public", "way-out"))
    os.symlink("..", os.path.join(top, "public", "way-up"))
    return os.path.join(top, "public")


def curl(port, path, *args):
    """(status, body, headers as a text)."""
    with tempfile.TemporaryDirectory() as scratch:
        body, head = os.path.join(scratch, "body"), os.path.join(scratch, "head")
        done = subprocess.run(["curl", "-sS", "--path-as-is", "--max-time", "60", "-o", body,
                               "-D", head, "-w", "%{http_code}", *args,
                               "http://127.0.0.1:%d/%s" % (port, path)],
                              capture_output=True, check=False)
        assert done.returncode == 0, done
        read = lambda path: open(path, "rb").read() if os.path.exists(path) else b""
        return int(done.stdout), read(body), read(head).decode("latin-1")


def fetch_all(port):
    for name, data in FILES.items():
        status, body, _ = curl(port, urllib.parse.quote(name))
        if name.startswith("."):
            assert status == 404, (name, status)
        else:
            assert status == 200 and body == data, (name, status, len(body))


def fetch_parts(port):
    large = FILES["large"]
    status, body, head = curl(port, "large", "-r", "1000-1999")
    assert status == 206 and body == large[1000:2000], status
    assert "bytes 1000-1999/20000000" in head, head
    status, body, _ = curl(port, "large", "-r", "-5000000")
    assert status == 206 and body == large[-5000000:], status
    assert curl(port, "large", "-r", "20000000-")[0] == 416
    status, body, head = curl(port, "large", "-I")
    assert status == 200 and "content-length: 20000000" in head.lower(), head


def list_folders(port):
    status, body, _ = curl(port, "")
    text = body.decode()
    assert status == 200, status
    for name in FILES:
        found = html.escape(name.split("/")[0]) in text
        assert found != name.startswith("."), (name, text)
    status, body, _ = curl(port, "sub%20folder/")
    assert status == 200 and "inner \u00f1.css" in body.decode(), body
    assert curl(port, "sub%20folder")[0] in (301, 308)


def try_ways_out(port):
    """Links of the host are seen through, and names that mean something else to Windows."""
    for path in ("way-out", "way-up/outside", "nul", "CON", "com1.txt", "small.txt:x",
                 "small.txt::$DATA", "small.txt.", "small.txt%20"):
        status, body, _ = curl(port, path)
        assert status in (403, 404) and b"outside" not in body, (path, status)
    for path in ("../outside", "..%5coutside", "%2e%2e/outside", "sub%20folder%5c..%5csmall.txt",
                 "C:/windows/win.ini", "//127.0.0.1/share"):
        status, body, _ = curl(port, path)
        assert status in (400, 403, 404) and body != b"outside", (path, status)
    assert curl(port, "none")[0] == 404
    assert curl(port, "none/none")[0] == 404


def test_serve():
    with tempfile.TemporaryDirectory() as top:
        folder = folder_make(top)
        with Program("serve", folder, "--log", "--workers", "2") as program:
            for step in fetch_all, fetch_parts, list_folders, try_ways_out:
                step(program.port)
            log = program.stop()
        assert log.count('"GET /large HTTP/1.1" 206 ') == 2, log


def test_serve_name_in_utf8():
    """An argument and the path that is printed, both beyond ASCII."""
    with tempfile.TemporaryDirectory() as top:
        folder = os.path.join(top, "d\u00e9j\u00e0 vu \u6f22")
        os.mkdir(folder)
        with open(os.path.join(folder, "f"), "w") as file:
            file.write("here")
        with Program("serve", folder) as program:
            assert curl(program.port, "f")[:2] == (200, b"here")
            assert "d\u00e9j\u00e0 vu \u6f22 at http://" in program.stop()


# ---- echo ----

async def converse(port, seed):
    """One connection: each message comes back whole before the next is sent. Bytes that went."""
    dice = random.Random(seed)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    total = 0
    for _ in range(MESSAGES):
        message = dice.randbytes(dice.randint(1, 1500))
        writer.write(message)
        assert await reader.readexactly(len(message)) == message
        total += len(message)
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
    return total


async def converse_all(port, seed):
    tasks = [converse(port, seed * 1000 + i) for i in range(CONNECTIONS)]
    return sum(await asyncio.gather(*tasks))


def test_echo():
    for seed in range(ROUNDS):
        with Program("echo", "--stats") as program:
            total = asyncio.run(asyncio.wait_for(converse_all(program.port, seed), 120))
            said = program.stop()
        stats = dict(pair.split("=") for pair in said.split()[1:])
        assert stats["backend"] == "iocp", said
        assert int(stats["bytes_in"]) == int(stats["bytes_out"]) == total, (total, said)


def test_echo_stops_while_used():
    with Program("echo") as program:
        loop = asyncio.new_event_loop()
        reader, writer = loop.run_until_complete(
            asyncio.open_connection("127.0.0.1", program.port))
        writer.write(b"x" * 100)
        assert loop.run_until_complete(reader.readexactly(100)) == b"x" * 100
        program.stop()
        writer.close()
        loop.close()


def test_command_line():
    run = lambda *args: subprocess.run([WINE, PROA, *args], capture_output=True, timeout=60,
                                       check=False)
    done = run("doctor", "--json")
    assert done.returncode == 0 and b'"name": "iocp", "works": true' in done.stdout, done
    assert b"Wine" in done.stdout and b"\r" not in done.stdout, done
    done = run("bogus \u00fc\"\\")
    assert done.returncode == 2 and b"\xc3\xbc\"\\" in done.stderr, done
    done = run("serve", "no such folder", "--listen", "127.0.0.1:0")
    assert done.returncode == 2 and b"no such file" in done.stderr, done
    done = run("echo", "--listen", "127.0.0.1:0", "--backend", "epoll")
    assert done.returncode == 2 and b"there is no backend" in done.stderr, done


def main():
    if not shutil.which("curl"):
        print("curl is missing")
        return 77
    status = 0
    for name, test in list(globals().items()):
        if not name.startswith("test_"):
            continue
        began = time.monotonic()
        try:
            test()
            print("ok   %s (%d ms)" % (name[5:], (time.monotonic() - began) * 1000), flush=True)
        except Exception:
            status = 1
            print("FAIL %s" % name[5:])
            traceback.print_exc(file=sys.stdout)
    return status


if __name__ == "__main__":
    sys.exit(main())
