"""What the tests on other engines need: Debian's packages, installed when they are missing."""

import shutil
import subprocess

import pytest


def needs(program, package):
    """Installs what is missing; skips with a reason where that cannot be."""
    if shutil.which(program):
        return
    # A package must not start its daemon: policy-rc.d says so to the package's scripts.
    done = subprocess.run(["sh", "-c", f"printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d; "
                                       f"DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends {package}"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    if done.returncode or not shutil.which(program):
        pytest.skip(f"{package} is not installed and cannot be installed here")
