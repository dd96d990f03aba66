# Runs one suite of the HTTP tests on one backend.
# SPDX-License-Identifier: MIT
import argparse
import importlib
import json
import os
import signal
import subprocess
import sys
import time
import unittest

import kit


def works(backend):
    report = json.loads(subprocess.run([*kit.RUN, kit.PROA, "doctor", "--json"],
                                       stdout=subprocess.PIPE, check=True).stdout)
    return any(b["name"] == backend and b["works"] for b in report["backends"])


class Timed(unittest.TextTestResult):
    """Says how long each test took, if that is long."""

    def startTest(self, test):
        self.began = time.monotonic()
        super().startTest(test)

    def stopTest(self, test):
        super().stopTest(test)
        took = time.monotonic() - self.began
        if took > 1:
            self.stream.writeln(f"    {took:.1f} s")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("suite")
    p.add_argument("--backend", required=True)
    p.add_argument("--proa", required=True)
    p.add_argument("--app", required=True)
    p.add_argument("--runner", help="what runs a program of another system")
    p.add_argument("-k", action="append")
    a = p.parse_args()
    kit.BACKEND, kit.PROA, kit.APP = a.backend, os.path.abspath(a.proa), os.path.abspath(a.app)
    kit.RUN = [a.runner] if a.runner else []
    if a.backend == "iocp":
        kit.TERM = signal.SIGINT  # Ctrl-C: Windows has no way to send another program SIGTERM
    os.environ.pop("PROA_BACKEND", None)
    if not works(a.backend):
        print(f"{a.backend} does not work here")
        return 77
    loader = unittest.TestLoader()
    if a.k:
        loader.testNamePatterns = [f"*{k}*" for k in a.k]
    suite = loader.loadTestsFromModule(importlib.import_module("test_" + a.suite))
    result = unittest.TextTestRunner(verbosity=2, stream=sys.stdout, resultclass=Timed).run(suite)
    return 0 if result.wasSuccessful() else 1


sys.exit(main())
