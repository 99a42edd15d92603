"""The network service's own tests that need a kernel's network for themselves."""

import os
import pathlib
import subprocess

import pytest

from engine import REPOSITORY

# The Makefile's scratch path, where the unit tests were built just before.
SCRATCH = pathlib.Path(os.environ.get("CAIS_TEST_IMAGES", REPOSITORY / ".build" / "test-images")).parent


def test_the_service_on_a_real_kernel(tmp_path):
    bundles = list(SCRATCH.glob("debug/*.xctest"))
    if not bundles:
        pytest.skip(f"the unit tests are not built in {SCRATCH} (make unit)")
    done = subprocess.run(
        ["unshare", "--net", "--mount", "--propagation", "slave", bundles[0], "--testing-library", "swift-testing",
         "--filter", "NetworksTests.ServiceTests"], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    printed = done.stdout + done.stderr
    assert done.returncode == 0 and "passed" in printed, printed[-6000:]
    skipped = [line for line in printed.splitlines() if "skipped" in line and "CAIS_MEASURE" not in line]
    assert not skipped, skipped
