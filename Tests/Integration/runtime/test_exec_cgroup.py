"""exec --cgroup: into a cgroup beneath the container's and nowhere else; and exec into a container that has divided its own."""

import os

import pytest

import cgroup_files
from cais_testing import IS_PEER
from cgroup_files import Cgroup


def divided(runtime, *names):
    """A container with cgroups beneath its own in every hierarchy."""
    container = runtime.started("sleep", "1000")
    cgroup = Cgroup(container.bundle.config["linux"]["cgroupsPath"])
    for directory in cgroup.existing():
        for name in names:
            (directory / name).mkdir()
            # A cpuset of v1 is born without processors and takes nobody.
            for file in ("cpuset.cpus", "cpuset.mems"):
                if (directory / file).exists() and "cpuset" in str(directory):
                    (directory / name / file).write_text((directory / file).read_text())
    return container, cgroup


def where(container, *flags):
    """The cgroups of an added process, by controller and relative to the container's, and its pid file's word."""
    result = container.exec("cat", "/proc/self/cgroup", flags=flags)
    assert result.code == 0, result
    found = {}
    own = container.bundle.config["linux"]["cgroupsPath"]
    for line in result.out.splitlines():
        _, controllers, path = line.split(":", 2)
        if path.startswith(own):
            for name in controllers.split(",") if controllers else ["unified"]:
                found[name] = path.removeprefix(own)
    return found


def test_without_it_the_process_is_in_the_containers_own(runtime):
    container, _ = divided(runtime, "a")
    assert set(where(container).values()) == {""}


def test_a_path_is_beneath_the_containers_in_every_hierarchy(runtime):
    container, _ = divided(runtime, "a")
    for path in ("a", "/a", "a/", "./a"):
        assert set(where(container, "--cgroup", path).values()) == {"/a"}
    assert set(where(container, "--cgroup", "/").values()) == {""}


@pytest.mark.skipif(cgroup_files.only_v2(), reason="controllers have hierarchies of their own only on v1")
def test_a_controller_can_be_named_on_v1(runtime):
    container, _ = divided(runtime, "a", "b")
    found = where(container, "--cgroup", "memory:a", "--cgroup", "pids:/b")
    assert (found.pop("memory"), found.pop("pids")) == ("/a", "/b")
    assert set(found.values()) == {""}
    found = where(container, "--cgroup", "memory,pids:a")
    assert (found.pop("memory"), found.pop("pids")) == ("/a", "/a")


@pytest.mark.parametrize("path", ["../other", "/..", "a/../../x", "..", "missing"])
def test_what_is_not_beneath_or_not_there_is_refused(runtime, path):
    container, cgroup = divided(runtime, "a")
    os.makedirs(cgroup.existing()[0].parent / "other", exist_ok=True)
    marker = container.bundle.rootfs / "ran"
    result = container.exec("touch", "/ran", flags=("--cgroup", path))
    assert result.code == 255 and result.err and not marker.exists()
    os.rmdir(cgroup.existing()[0].parent / "other")
    assert set(os.listdir(cgroup.existing()[0].parent)) & {"other"} == set()


@pytest.mark.parametrize("flags", [("memory:a", "pids"), ("memory:a", "memory:a"), ("nosuch:a",), ("a:b:c",), (":a",)])
def test_nonsense_is_refused(runtime, flags):
    if IS_PEER and flags in (("memory:a", "memory:a"), (":a",)):
        pytest.skip("runc takes the last, and a controller without a name for none")
    container, _ = divided(runtime, "a")
    words = [word for flag in flags for word in ("--cgroup", flag)]
    assert container.exec("true", flags=words).code == 255


DIVISIBLE = next((name for name in ("memory", "io", "hugetlb") if cgroup_files.version(name) == 2), None)


@pytest.mark.skipif(DIVISIBLE is None, reason="needs a controller of v2")
@pytest.mark.skipif(IS_PEER and not cgroup_files.only_v2(), reason="peers know no v2 controller beside v1")
def test_exec_follows_init_where_the_container_divided_its_cgroup(runtime):
    """A container that gives controllers to cgroups beneath its own can have no process in that any more."""
    container, cgroup = divided(runtime, "inner")
    directory = cgroup.directory("unified")
    (directory / "inner/cgroup.procs").write_text(str(container.pid))
    (directory / "cgroup.subtree_control").write_text(f"+{DIVISIBLE}")
    found = where(container)
    assert found.pop("unified") == "/inner" and set(found.values()) <= {""}
    # The one that was asked for is entered or refused, never another.
    assert container.exec("true", flags=("--cgroup", "/")).code == 255
    assert runtime("delete", "--force", container.name).code == 0
    assert not cgroup.existing()
