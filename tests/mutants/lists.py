# The lists of planted defects: read, checked against the sources, and applied to one.
# SPDX-License-Identifier: MIT
"""A list is a text file of entries with an empty line between them; lines of "#" are comments.

    name    done_backwards
    breaks  what ended first is told last
    hunters base_list conform@epoll:order_*
    file    src/op/op.c
    -	px_list_push_back(&core->done, &op->link);
    +	px_list_push_front(&core->done, &op->link);
     	op_ended(op, result, count);

As in a patch: lines of "-" and " " are the old text, lines of "+" and " " the new one; "-" or "+"
alone is an empty line. The old text is in the file exactly once, as whole lines. An entry may go on
with further files.

A line "also HUNTER..." outside of entries names hunters that count for all that follow in its list:
asked only if it is to be counted how many of their seeds catch a mutant. "always HUNTER..." names
those of which it is counted in each hunt, besides: by how many of some hundred seeds.
"""

import os
import re

KEYS = ("name", "breaks", "hunters", "file")


class Wrong(Exception):
    """A list is not true, or no list."""


class Edit:
    """Some lines of one file, and what stands there in the mutant."""

    def __init__(self, path):
        self.path, self.old, self.new = path, [], []

    def line(self, mark, text):
        if mark in "- ":
            self.old.append(text)
        if mark in "+ ":
            self.new.append(text)

    def apply(self, text):
        """The file's text with the defect in it."""
        old, new = ("".join(line + "\n" for line in lines) for lines in (self.old, self.new))
        found = ("\n" + text).count("\n" + old)
        if not self.old or old == new or found != 1:
            what = "no change" if old == new else f"the old text is there {found} times"
            raise Wrong(f"{self.path}: {what}")
        return ("\n" + text).replace("\n" + old, "\n" + new)[1:]


class Mutant:
    def __init__(self, where):
        self.where, self.name, self.breaks = where, None, None
        self.hunters, self.also, self.always, self.edits = [], [], [], []

    def check(self, texts, known):
        """`texts`: path -> text, or None if there is no such file; `known`: a hunter is one."""
        if not (self.name and self.breaks and self.hunters and self.edits):
            raise Wrong(f"incomplete: {', '.join(KEYS)} are needed")
        for edit in self.edits:
            text = texts(edit.path)
            if text is None:
                raise Wrong(f"there is no {edit.path}")
            edit.apply(text)
        for hunter in self.hunters + self.also + self.always:
            if not known(hunter):
                raise Wrong(f"there is no hunter {hunter}")


def entry_line(mutant, line):
    if line[0] in "-+ ":
        if not mutant.edits:
            raise Wrong("a change before its file")
        mutant.edits[-1].line(line[0], line[1:])
        return
    key, _, value = line.partition(" ")
    value = value.strip()
    if key not in KEYS or not value:
        raise Wrong(f"neither a key nor a change: {line}")
    if key == "file":
        mutant.edits.append(Edit(value))
    elif key == "hunters":
        mutant.hunters += value.split()
    elif getattr(mutant, key):
        raise Wrong(f"{key} twice")
    else:
        setattr(mutant, key, value)


def parse(name, text):
    """The mutants of one list; `name` is the list's, for messages."""
    mutants, current = [], None
    lines = {"also": [], "always": []}
    for number, line in enumerate(text.split("\n"), 1):
        if not line:
            current = None
        elif line.split()[0] in lines and not current:
            lines[line.split()[0]] = line.split()[1:]
        elif not line.startswith("#"):
            if not current:
                current = Mutant(f"{name}:{number}")
                current.also, current.always = lines["also"], lines["always"]
                mutants.append(current)
            try:
                entry_line(current, line)
            except Wrong as e:
                raise Wrong(f"{name}:{number}: {e}") from e
    return mutants


def load(folder):
    """The mutants of every list in the folder, in the order of the lists' names."""
    mutants = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".txt"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                mutants += parse(name, file.read())
    return mutants


def check(mutants, texts, known):
    """What is wrong, as lines of text."""
    names = set()
    for m in mutants:
        try:
            if m.name in names:
                raise Wrong("another one has this name")
            if m.name and not re.fullmatch(r"[a-z0-9_]+", m.name):
                raise Wrong("a name is of small letters, digits and _")
            names.add(m.name)
            m.check(texts, known)
        except Wrong as e:
            yield f"{m.where}: {m.name}: {e}"
