"""What the specification says about a process: NUMA policy, personality, priorities; and about values that are no values."""

import os

import pytest

from cais_testing import IS_PEER, changed

NEWER = "specification 1.3 is newer than Debian's peers"


def policy(**values):
    return lambda config: changed(config, "linux.memoryPolicy", values)


def policies(result):
    """The policy of the first mapping."""
    assert result.code == 0, result
    return result.out.split("\n", 1)[0].split()[1]


@pytest.mark.skipif(IS_PEER, reason=NEWER)
@pytest.mark.parametrize("values, shown", [
    ({"mode": "MPOL_BIND", "nodes": "0"}, "bind:0"),
    ({"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]}, "bind=static:0"),
    ({"mode": "MPOL_INTERLEAVE", "nodes": "0", "flags": ["MPOL_F_RELATIVE_NODES"]}, "interleave=relative:0"),
    ({"mode": "MPOL_PREFERRED", "nodes": "0"}, "prefer:0"),
    ({"mode": "MPOL_LOCAL"}, "local"),
    ({"mode": "MPOL_DEFAULT"}, "default"),
])
def test_the_memory_policy_is_the_programs(runtime, values, shown):
    assert policies(runtime.once("cat", "/proc/self/numa_maps", change=policy(**values))) == shown


@pytest.mark.skipif(IS_PEER, reason=NEWER)
def test_an_added_process_has_the_memory_policy_too(runtime):
    container = runtime.started("sleep", "60", change=policy(mode="MPOL_BIND", nodes="0"))
    assert policies(container.exec("cat", "/proc/self/numa_maps")) == "bind:0"


@pytest.mark.skipif(IS_PEER, reason=NEWER)
@pytest.mark.parametrize("values, words", [
    ({"mode": "MPOL_BIND", "nodes": "63"}, "set memoryPolicy: invalid argument"),
    ({"mode": "MPOL_BIND"}, "linux.memoryPolicy.nodes"),
    ({"nodes": "0"}, "linux.memoryPolicy.mode"),
    ({"mode": "MPOL_ANY"}, "/linux/memoryPolicy/mode"),
])
def test_a_memory_policy_that_cannot_be_is_named(runtime, values, words):
    result = runtime.once("true", change=policy(**values))
    assert result.code != 0 and words in result.err, result


@pytest.mark.skipif(IS_PEER, reason="config-linux.md, personality: 'Currently no flag values are supported', and runtime.md: unsupported values "
                                    "MUST generate an error; runc warns")
def test_flags_of_a_personality_are_refused(runtime):
    result = runtime.once("true", change=lambda config: changed(config, "linux.personality", {"domain": "LINUX32", "flags": ["X"]}))
    assert result.code != 0 and "linux.personality.flags" in result.err, result


@pytest.mark.skipif(IS_PEER, reason="ioPriority came with specification 1.1, after Debian's peers")
def test_a_disk_priority_beyond_seven_is_refused(runtime):
    result = runtime.once("true", change=lambda config: changed(config, "process.ioPriority", {"class": "IOPRIO_CLASS_BE", "priority": 8}))
    assert result.code != 0 and "process.ioPriority.priority" in result.err, result


@pytest.mark.skipif(IS_PEER, reason="config.md: 'consoleSize MUST be ignored if terminal is false'; runc takes no number above 65535")
def test_the_size_of_no_terminal_is_ignored(runtime):
    assert runtime.once("true", change=lambda config: changed(config, "process.consoleSize", {"height": 1 << 40, "width": 1})).code == 0


@pytest.mark.skipif(IS_PEER, reason="the peers have other words for it, or take the string up to the NUL")
@pytest.mark.parametrize("path, value, pointer", [
    ("hostname", "a\0b", "/hostname"),
    ("process.args", ["true", "x\0"], "/process/args/1"),
    ("process.cwd", "/\0", "/process/cwd"),
    ("linux.cgroupsPath", "/a\0b", "/linux/cgroupsPath"),
    ("linux.maskedPaths", ["/proc/kcore\0"], "/linux/maskedPaths/0"),
    ("linux.sysctl", {"net.core.somaxconn\0": "1"}, "/linux/sysctl/"),
])
def test_a_nul_byte_is_refused_with_its_place(runtime, path, value, pointer):
    result = runtime.once("true", change=lambda config: changed(config, path, value))
    assert result.code != 0 and f"({pointer}" in result.err and "NUL" in result.err, result


@pytest.mark.parametrize("version, is_taken", [("1.0.0", True), ("1.0.2-dev", True), ("1.2.1+x", True), ("2.0.0", False), ("0.9.0", False), ("1.0", False)])
def test_versions_of_the_specification(runtime, version, is_taken):
    if IS_PEER and (not is_taken or version.startswith("1.2")):
        pytest.skip("config.md: 'ociVersion MUST be in SemVer v2.0.0 format'; runc looks at no more than its being there, crun at 1.0")
    assert (runtime.once("true", change=lambda config: changed(config, "ociVersion", version)).code == 0) == is_taken


@pytest.mark.skipif(IS_PEER, reason="Debian's crun takes 1.0 alone")
def test_a_newer_version_with_unknown_properties_is_taken(runtime):
    def change(config):
        config["ociVersion"] = "1.2.9"
        config["linux"]["somethingNew"] = {"a": [1]}
    assert runtime.once("true", change=change).code == 0


def test_the_loopback_device_of_a_new_network_namespace_is_up(runtime):
    result = runtime.once("sh", "-c", "ip -4 addr show lo; ping -c 1 -w 5 127.0.0.1 >/dev/null && echo answered")
    assert "127.0.0.1/8" in result.out and "answered" in result.out, result


def test_the_loopback_device_of_a_user_namespace_is_up(runtime):
    def change(config):
        config["linux"]["namespaces"].append({"type": "user"})
        config["linux"]["uidMappings"] = config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
        config["mounts"] = [mount for mount in config["mounts"] if mount["type"] == "proc"]
    bundle = runtime.bundle("sh", "-c", "ip link show lo | grep -o UP | head -1", change=change)
    for path in (runtime.directory, bundle.path):
        path.chmod(0o711)
    for name in ("", "dev", "proc", "sys"):
        os.chown(bundle.rootfs / name, 100000, 100000)
    result = runtime.run("run", "--bundle", bundle.path, runtime.name())
    assert result.out == "UP\n", result


def test_hooks_run_in_the_bundle_and_start_container_hooks_where_the_program_will(runtime):
    bundle = runtime.bundle("true")
    kinds = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
    bundle.config["process"]["cwd"] = "/tmp"
    bundle.config["hooks"] = {kind: [{
        "path": "/bin/sh", "env": ["PATH=/bin:/usr/bin"],
        "args": ["sh", "-c", f"cat >/dev/null; out={bundle.path}/log; test -d {bundle.path} || out=/log; echo {kind} $(pwd) >> $out"],
    }] for kind in kinds}
    bundle.write()
    container = runtime.created(bundle=bundle)
    assert runtime("start", container.name, cwd="/usr").code == 0
    container.wait()
    assert runtime("delete", container.name, cwd="/usr").code == 0
    places = dict(line.split() for line in (bundle.path / "log").read_text().splitlines())
    # Debian's runc runs poststop where delete was called, and createContainer in the root file system; crun is as we are.
    for kind in [kind for kind in places if not (IS_PEER and kind in ("poststop", "createContainer"))]:
        assert places[kind] == str(bundle.path), places
    assert set(places) == set(kinds) - {"startContainer"}
    assert (bundle.rootfs / "log").read_text() == "startContainer /tmp\n"


def test_a_hook_sees_its_arguments_and_environment_alone(runtime):
    bundle = runtime.bundle("true")
    bundle.config["hooks"] = {"createRuntime": [{"path": "/usr/bin/env", "args": ["env", "sh", "-c", f"env > {bundle.path}/env"], "env": ["A=1", "PATH=/bin"]}]}
    bundle.write()
    assert runtime.run("run", "--bundle", bundle.path, runtime.name(), env={"SECRET": "x"}).code == 0
    words = (bundle.path / "env").read_text()
    assert "A=1" in words and "SECRET" not in words


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"])
def test_every_kind_of_hook_has_its_time_limit(runtime, kind):
    if IS_PEER and kind == "startContainer":
        pytest.skip("runtime.md, lifecycle: a startContainer hook that fails MUST generate an error; the peers' run has returned by then")
    bundle = runtime.bundle("sleep", "60")
    bundle.config["hooks"] = {kind: [{"path": "/bin/sleep", "args": ["sleep", "300"], "timeout": 1}]}
    # runtime.md, lifecycle: a poststart hook that fails is an error since 1.3, and was a warning.
    bundle.config["ociVersion"] = "1.3.0"
    bundle.write()
    name = runtime.name()
    result = runtime.run("run", "--detach", "--bundle", bundle.path, name)
    if kind == "poststop":
        # runtime.md, lifecycle: a poststop hook that fails is a warning.
        result = runtime("delete", "--force", name)
    else:
        assert result.code != 0, result
    if not IS_PEER:
        assert "timeout" in result.err and kind in result.err, result
