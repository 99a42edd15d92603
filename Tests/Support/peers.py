"""What the tests on other engines need: Debian's packages, installed when they are missing."""

import pathlib
import shutil
import subprocess

import pytest

from cais_testing import cgroup_hierarchies


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


def read_cgroup(cgroup, *files):
    """The first of these files that a cgroup has in some hierarchy: v1 and v2 have names of their own."""
    for top in cgroup_hierarchies():
        for file in files:
            path = pathlib.Path(f"{top}{cgroup}/{file}")
            if path.exists():
                return path.read_text().strip()
    return ""


def memory_limit(cgroup):
    """In bytes."""
    return read_cgroup(cgroup, "memory.limit_in_bytes", "memory.max")


def is_frozen(cgroup):
    """Whether the kernel holds its processes."""
    return read_cgroup(cgroup, "freezer.state", "cgroup.freeze") in ("FROZEN", "1")
