# SPDX-License-Identifier: Apache-2.0
"""What the demo prints: steps, evidence, and a count of what held."""
import sys
import time


class Report:
    def __init__(self, name):
        self.name = name
        self.passed = self.failed = 0
        self.started = time.monotonic()

    def step(self, title):
        print(f"\n== {title}  [{time.monotonic() - self.started:.0f} s]", flush=True)

    def say(self, text):
        print(f"   {text}", flush=True)

    def show(self, command, text):
        """A command and what it printed."""
        print(f"\n   $ {command}")
        for line in text.rstrip().splitlines():
            print(f"   {line}")
        print(flush=True)

    def check(self, claim, holds, otherwise=""):
        """One claim: counted, and printed with what was seen where it does not hold."""
        if holds:
            self.passed += 1
            print(f"   ok      {claim}", flush=True)
        else:
            self.failed += 1
            print(f"   FAILED  {claim}{': ' if otherwise else ''}{otherwise}", flush=True)
        return bool(holds)

    def end(self):
        print(f"\n{self.name}: {self.passed} checks passed, {self.failed} failed", flush=True)
        sys.exit(1 if self.failed else 0)
