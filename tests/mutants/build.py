# Builds mutants: a changed source is compiled from a copy of the tree, and linked with the rest.
# SPDX-License-Identifier: MIT
"""The objects of the release build stay as they are. What a mutant changes is compiled again, by
the commands that built it, from a copy of the sources; the programs that hunt it are linked anew
with these objects before the library, out of which the linker then takes only the others. So a
mutant costs one compilation and one link a program, and the working tree is only read."""

import concurrent.futures
import json
import os
import shlex
import shutil
import subprocess

FOLDERS = ("src", "include", "tests")


LIBRARY = "CMakeFiles/proa_objects.dir/"  # the objects that libproa.a is made of

class Failed(Exception):
    """A mutant cannot be built: an error of the list."""


def run(argv, cwd):
    done = subprocess.run(argv, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", check=False)
    if done.returncode:
        raise Failed(f"{' '.join(argv)}\n{done.stdout}")
    return done.stdout


class Tree:
    """A copy of the sources and what is built of it; `work` is its folder, which is emptied."""

    def __init__(self, top, build, work):
        self.top, self.build, self.work = top, build, work
        self.sources = os.path.join(work, "tree")
        self.cc, self.links, self.deps = None, {}, None
        shutil.rmtree(work, ignore_errors=True)
        for folder in FOLDERS:
            shutil.copytree(os.path.join(top, folder), os.path.join(self.sources, folder),
                            ignore=lambda _, names: [n for n in names if "__pycache__" in n])
        os.makedirs(os.path.join(work, "obj"))

    def read(self, path):
        with open(os.path.join(self.sources, path), encoding="utf-8") as file:
            return file.read()

    def write(self, path, text):
        with open(os.path.join(self.sources, path), "w", encoding="utf-8") as file:
            file.write(text)

    # ---- what the build knows ----

    def commands(self):
        """Object -> how it is compiled, out of the copy."""
        if self.cc is None:
            with open(os.path.join(self.build, "compile_commands.json"), encoding="utf-8") as file:
                entries = json.load(file)
            self.cc = {}
            for entry in entries:
                argv = [a.replace(self.top + "/", self.sources + "/")
                        for a in shlex.split(entry["command"])]
                self.cc[argv[argv.index("-o") + 1]] = argv
        return self.cc

    def link(self, program):
        if program not in self.links:
            out = run(["ninja", "-t", "commands", program], self.build)
            argv = shlex.split(out.strip().split("\n")[-1])
            self.links[program] = [a for a in argv if a not in (":", "&&")]
        return self.links[program]

    def users(self, path):
        """The objects that a file goes into."""
        if self.deps is None:
            self.deps = {}
            for line in run(["ninja", "-t", "deps"], self.build).split("\n"):
                if line.startswith(" "):
                    self.deps.setdefault(line.strip(), set()).add(current)
                elif line:
                    current = line.split(":")[0]
        return self.deps.get(os.path.join(self.top, path), set())

    # ---- building ----

    def compile(self, item):
        obj, out = item
        argv = list(self.commands()[obj])
        argv[argv.index("-o") + 1] = out
        run(argv + ["-w"], self.build)  # a mutant may leave something unused

    def objects(self, paths, programs):
        """Object of the build -> the mutant's, for all that is linked into one of the programs."""
        linked = {a for p in programs for a in self.link(p) if a.endswith(".o")}
        users = {o for path in paths for o in self.users(path)
                 if o in self.commands()  # else of an earlier build
                 and (o in linked or o.startswith(LIBRARY))}
        made = {o: os.path.join(self.work, "obj", o.replace("/", "_")) for o in users}
        with concurrent.futures.ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
            list(pool.map(self.compile, made.items()))
        return made

    def program(self, name, made):
        """Links build/NAME with the mutant's objects; the path of what comes of it."""
        argv = [made.get(a, a) for a in self.link(name)]
        parts = "libproa_parts.a"  # where the archive is of one object
        if os.path.exists(os.path.join(self.build, parts)):
            argv = [parts if a == "libproa.a" else a for a in argv] + ["-fno-lto"]
        out = os.path.join(self.work, "bin", name)
        os.makedirs(os.path.dirname(out), exist_ok=True)
        own = set(self.link(name))
        at = next(i for i, a in enumerate(argv) if a in ("libproa.a", parts))
        argv[at:at] = sorted(m for o, m in made.items()  # the library's, of which the archive has
                             if o not in own and o.startswith(LIBRARY))  # the true ones
        argv[argv.index("-o") + 1] = out
        run(argv, self.build)
        return out

    def plant(self, mutant):
        """Changes the copy. What it was, for `restore`."""
        before = {e.path: self.read(e.path) for e in mutant.edits}
        for edit in mutant.edits:
            self.write(edit.path, edit.apply(self.read(edit.path)))
        return before

    def restore(self, before):
        for path, text in before.items():
            self.write(path, text)
