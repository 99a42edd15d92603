"""A runtime on a root of its own for each test, and a census that each test has to pass."""

import pytest

from cais_testing import Census, Runtime, cgroups, remove_cgroups, CGROUP_PARENT


@pytest.fixture
def runtime():
    runtime = Runtime()
    census = Census(runtime)
    try:
        yield runtime
        for name in reversed(runtime.containers):
            runtime("delete", "--force", name)
        census.check()
    finally:
        runtime.close()


@pytest.fixture(scope="session", autouse=True)
def parent_cgroup():
    yield
    remove_cgroups(CGROUP_PARENT)
    assert not cgroups()
