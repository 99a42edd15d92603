"""What every integration test stands on: root, the binaries, and one engine per test module."""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Support"))

import images  # noqa: E402
from engine import BIN, PEER, Engine  # noqa: E402


def pytest_sessionstart(session):
    if os.geteuid() != 0:
        pytest.exit("integration tests make containers: run them as root (make integration)", 1)
    missing = [name for name in ("cais-runtime", "cais-shim", "caisd", "cais") if not (BIN / name).exists()]
    if missing and not PEER:
        pytest.exit(f"not built: {', '.join(missing)} in {BIN} (make build)", 1)


@pytest.fixture(scope="session")
def busybox_archive(tmp_path_factory):
    """A docker archive of busybox:latest."""
    path = tmp_path_factory.mktemp("images") / "busybox.tar"
    images.docker_archive(path)
    return path


@pytest.fixture(scope="module")
def engine(busybox_archive):
    """A running engine that has busybox:latest."""
    engine = Engine()
    try:
        engine.start()
        engine.ok("load", "-i", busybox_archive)
        yield engine
    finally:
        engine.close()


@pytest.fixture
def fresh_engine(busybox_archive):
    """The same, for one test alone."""
    engine = Engine()
    try:
        engine.start()
        engine.ok("load", "-i", busybox_archive)
        yield engine
    finally:
        engine.close()


@pytest.fixture
def clean(engine):
    """Removes all containers after the test."""
    yield engine
    ids = engine.ok("ps", "-aq").split()
    if ids:
        engine.ok("rm", "-f", *ids)
