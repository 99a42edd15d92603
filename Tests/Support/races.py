"""What the tests that race the runtime share: how often they do, for how long, and where they went on from.

CAIS_RACES is how often each race is run (a few dozen without it), CAIS_RACES_SECONDS the most time for one race, and
CAIS_RACES_LEDGER a file in which the counts are kept, so that a run that was stopped goes on where it was. A ledger is about
one binary: with another one it begins again."""

import contextlib
import hashlib
import json
import os
import pathlib
import subprocess
import time

import pytest

from cais_testing import RUNTIME

COUNT = int(os.environ.get("CAIS_RACES", "24"))
SECONDS = float(os.environ.get("CAIS_RACES_SECONDS", "0"))
LEDGER = os.environ.get("CAIS_RACES_LEDGER")


class Ledger:
    """How often each race was run with this binary."""

    def __init__(self):
        self.path = pathlib.Path(LEDGER) if LEDGER else None
        self.binary = hashlib.sha256(pathlib.Path(RUNTIME).read_bytes()).hexdigest()[:16]
        self.counts = {}
        if self.path and self.path.exists():
            kept = json.loads(self.path.read_text())
            if kept["binary"] == self.binary:
                self.counts = kept["counts"]

    def keep(self, race, count):
        """Notes the count of a race."""
        self.counts[race] = count
        if self.path:
            temporary = self.path.with_suffix(".new")
            temporary.write_text(json.dumps({"binary": self.binary, "counts": self.counts}, indent=1))
            temporary.replace(self.path)


def rounds(race):
    """Yields the number of each round that is left of a race. When the time is over before, says how far it came."""
    ledger = Ledger()
    first = done = ledger.counts.get(race, 0)
    began = time.monotonic()
    while done < COUNT:
        if SECONDS and time.monotonic() - began > SECONDS:
            break
        yield done
        done += 1
        if done % 100 == 0:
            ledger.keep(race, done)
    ledger.keep(race, done)
    spent = time.monotonic() - began
    if LEDGER:
        print(f"\nraces: {race}: {done} of {COUNT}" + (f", {1000 * spent / (done - first):.1f} ms each" if done > first else ""), flush=True)
    if done < COUNT:
        pytest.skip(f"{race}: {done} of {COUNT} when the time was over; the next run goes on from there")


class Spawn:
    """Starts commands with as little between them as Python allows, and keeps what they say in one file."""

    def __init__(self, directory):
        self.output = open(pathlib.Path(directory) / "said", "w+b")
        self.null = open(os.devnull, "r+b")

    def start(self, words):
        """Starts a command; what the last one said is forgotten."""
        return subprocess.Popen(list(map(str, words)), stdin=self.null, stdout=self.output, stderr=self.output, close_fds=False)

    def run(self, words, timeout=30):
        """Runs one to its end: its code and what it said."""
        self.output.seek(0)
        self.output.truncate()
        code = self.start(words).wait(timeout=timeout)
        return code, self.said()

    def said(self):
        """All that was said since the last run began."""
        self.output.seek(0)
        return self.output.read().decode(errors="replace")

    def close(self):
        with contextlib.suppress(OSError):
            self.output.close()
        self.null.close()
