# proa watch: what it prints of what happens below a folder, and how it ends.
# SPDX-License-Identifier: MIT
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import kit

HERE = sys.platform.startswith("linux") and kit.BACKEND != "iocp"


class Watcher:
    def __init__(self, *args):
        self.p = subprocess.Popen([*kit.RUN, kit.PROA, "watch", "--backend", kit.BACKEND, *args],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        self.left = b""

    def line(self, seconds=kit.CALM_SEC):
        end = time.monotonic() + seconds
        while b"\n" not in self.left:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.p.stdout], [], [], left)[0]:
                raise AssertionError(f"nothing more printed behind {self.left}")
            part = os.read(self.p.stdout.fileno(), 65536)
            if not part:
                return ""
            self.left += part
        line, self.left = self.left.split(b"\n", 1)
        return line.decode(errors="surrogateescape")

    def until(self, wanted):
        """Reads lines up to that one; those before it."""
        lines = []
        while (line := self.line()) != wanted:
            assert line, (wanted, lines)
            lines.append(line)
        return lines

    def end(self):
        self.p.send_signal(kit.TERM)
        out, err = self.p.communicate(timeout=20)
        return self.p.returncode, err


@unittest.skipUnless(HERE, "the other systems' watching is tried by the program fs")
class Watch(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="proa-watch-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name):
        with open(self.path(name), "w") as file:
            file.write("text")

    def test_lines(self):
        w = Watcher(self.folder)
        self.assertEqual(w.line(), "watching " + self.folder)
        self.write("a")
        self.assertEqual(w.until("created a"), [])
        self.write("a")  # where changes are found by comparing, what is new is not changed, too
        w.until("changed a")
        os.rename(self.path("a"), self.path("b"))
        w.until("moved-from a")
        self.assertEqual(w.until("moved-to b"), [])
        os.chmod(self.path("b"), 0o600)
        self.assertEqual(w.until("attributes b"), [])
        os.makedirs(self.path("in/side"))
        w.until("created in/side/")
        self.write("in/side/c")
        w.until("created in/side/c")
        os.remove(self.path("b"))
        w.until("removed b")
        self.write("two\nlines")
        w.until("created two\\u000alines")
        self.assertEqual(w.end(), (0, b""))

    def test_flat(self):
        w = Watcher("--flat", self.folder)
        w.line()
        os.mkdir(self.path("in"))
        self.write("in/unseen")
        self.write("last")
        self.assertNotIn("unseen", "".join(w.until("created last")))
        self.assertEqual(w.end(), (0, b""))

    def test_json(self):
        w = Watcher(self.folder, "--json")
        self.assertEqual(json.loads(w.line()), {"watching": self.folder})
        self.write('quo"te')
        found = []

        def told(name, what):  # a step is told before the next one: what goes at once may not be
            found.append(json.loads(w.line()))
            while found[-1]["name"] != name or what not in found[-1]["what"]:
                found.append(json.loads(w.line()))

        os.mkdir(self.path("dir"))
        told("dir", "created")
        os.rename(self.path("dir"), self.path("moved"))
        told("moved", "created")
        os.rmdir(self.path("moved"))
        told("moved", "removed")
        names = {entry["name"] for entry in found}
        self.assertIn('quo"te', names)
        moves = [entry for entry in found if "moved" in entry["what"]]
        self.assertEqual([entry["what"] for entry in moves[:2]],
                         [["removed", "moved"], ["created", "moved"]])
        self.assertTrue(all(entry["folder"] for entry in moves))
        self.assertEqual(moves[0]["pair"], moves[1]["pair"])
        self.assertEqual(w.end(), (0, b""))

    def test_ends_with_its_folder(self):
        w = Watcher(self.folder)
        w.line()
        os.rmdir(self.folder)
        w.until("removed .")
        out, err = w.p.communicate(timeout=20)
        self.assertEqual((w.p.returncode, err), (0, b""))

    def test_reader_gone(self):
        w = Watcher(self.folder)
        w.line()
        w.p.stdout.close()
        deadline = time.monotonic() + 20
        while w.p.poll() is None and time.monotonic() < deadline:
            self.write("again")
            time.sleep(0.02)
        self.assertIn(w.p.wait(10), (0, -signal.SIGPIPE))
        w.p.stderr.close()


class Arguments(kit.Command):
    def test_bad_arguments(self):
        for args, word in [([], "folder"), (["a", "b"], "b"), (["--log"], "--log"),
                           ([".", "--backend", "frob"], "frob")]:
            self.fails("watch", *args, word=word)
        self.fails("watch", "no/such/folder", "--backend", kit.BACKEND,
                   word="no/such/folder" if HERE else "")
