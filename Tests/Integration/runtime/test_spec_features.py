"""What `features` says, by using each thing that it lists."""

import json
import os

import pytest

from cais_testing import IS_PEER, changed

pytestmark = pytest.mark.skipif(IS_PEER, reason="Debian's crun has no features, and runc lists what it knows in its own way")


@pytest.fixture
def features(runtime):
    result = runtime("features")
    assert result.code == 0, result
    return json.loads(result.out)


def test_the_document_has_every_part_of_the_specification(features):
    assert (features["ociVersionMin"], features["ociVersionMax"]) == ("1.0.0", "1.3.0")
    assert features["hooks"] == ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
    assert features["potentiallyUnsafeConfigAnnotations"] == []
    assert features["annotations"]["io.github.seccomp.libseccomp.version"].count(".") == 2
    linux = features["linux"]
    assert set(linux) == {"namespaces", "capabilities", "cgroup", "seccomp", "apparmor", "selinux", "intelRdt", "memoryPolicy", "mountExtensions",
                          "netDevices"}
    assert linux["cgroup"] == {"v1": True, "v2": True, "systemd": False, "systemdUser": False, "rdma": True}
    assert linux["intelRdt"] == {"enabled": True, "schemata": True, "monitoring": True}
    assert linux["mountExtensions"] == {"idmap": {"enabled": True}} and linux["netDevices"] == {"enabled": True}
    assert linux["apparmor"] == linux["selinux"] == {"enabled": True}


def test_every_mount_option_is_understood(runtime, features):
    words = features["mountOptions"]
    assert len(words) == len(set(words)) and {"rro", "idmap", "tmpcopyup", "runbindable", "rnostrictatime"} <= set(words)

    def change(config):
        (runtime.directory / "source").mkdir()
        for word in words:
            mount = {"destination": f"/tmp/{word}", "type": "tmpfs", "source": "tmpfs", "options": [word]}
            if word == "remount":
                mount = {"destination": "/tmp", "type": "none", "options": ["remount", "nosuid"]}
            elif word in ("bind", "rbind", "idmap", "ridmap"):
                mount = {"destination": f"/tmp/{word}", "source": str(runtime.directory / "source"), "options": [word.replace("idmap", "bind"), word]}
                if "idmap" in word:
                    mount["uidMappings"] = mount["gidMappings"] = [{"containerID": 0, "hostID": 1000, "size": 1}]
            config["mounts"].append(mount)
        config["mounts"].insert(1, {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"})
    result = runtime.once("true", change=change)
    assert result.code == 0, result


def test_an_option_that_is_not_listed_goes_to_the_file_system(runtime, features):
    assert "nonsense" not in features["mountOptions"]
    mount = {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nonsense"]}
    result = runtime.once("true", change=lambda config: config["mounts"].append(mount))
    assert result.code != 0 and "nonsense" in result.err, result


def test_every_namespace_and_capability_is_known(runtime, features):
    linux = features["linux"]
    assert set(linux["namespaces"]) == {"mount", "pid", "network", "uts", "ipc", "user", "cgroup", "time"}

    def change(config):
        config["linux"]["namespaces"] = [{"type": kind} for kind in linux["namespaces"]]
        config["linux"]["uidMappings"] = config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 0, "size": 65536}]
        config["process"]["capabilities"] = {"bounding": linux["capabilities"], "permitted": linux["capabilities"]}
    result = runtime.once("true", change=change)
    assert result.code == 0 and "unknown capabilities" not in result.err, result


def test_every_part_of_a_filter_is_known(runtime, features):
    seccomp = features["linux"]["seccomp"]
    assert "SCMP_ACT_NOTIFY" in seccomp["actions"] and set(seccomp["supportedFlags"]) <= set(seccomp["knownFlags"])

    def change(config):
        rules = [{"names": ["mq_unlink"], "action": action} for action in seccomp["actions"] if action not in ("SCMP_ACT_NOTIFY", "SCMP_ACT_ALLOW")]
        rules = [{**rule, "args": [{"index": 0, "value": number, "op": "SCMP_CMP_EQ"}]} for number, rule in enumerate(rules)]
        rules += [{"names": ["shmctl"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 1, "value": number, "valueTwo": number, "op": operator}]}
                  for number, operator in enumerate(seccomp["operators"])]
        changed(config, "linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "architectures": seccomp["archs"], "flags": seccomp["supportedFlags"],
                                          "syscalls": rules})
    result = runtime.once("true", change=change)
    assert result.code == 0, result


def test_an_architecture_that_is_not_listed_is_refused(runtime, features):
    listed = set(features["linux"]["seccomp"]["archs"])
    # s390x has the one byte order and riscv64 the other.
    assert {"SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64", "SCMP_ARCH_RISCV64"} <= listed and "SCMP_ARCH_S390X" not in listed or os.uname().machine == "s390x"
    for missing, words in (("SCMP_ARCH_M68K", "libseccomp does not know SCMP_ARCH_M68K"), ("SCMP_ARCH_S390X", "another byte order")):
        if missing not in listed:
            profile = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": [missing]}
            result = runtime.once("true", change=lambda config, profile=profile: changed(config, "linux.seccomp", profile))
            assert result.code != 0 and words in result.err, result


def test_every_memory_policy_is_known(runtime, features):
    for mode in features["linux"]["memoryPolicy"]["modes"]:
        policy = {"mode": mode}
        if mode not in ("MPOL_DEFAULT", "MPOL_LOCAL"):
            policy["nodes"] = "0"
        result = runtime.once("true", change=lambda config, policy=policy: changed(config, "linux.memoryPolicy", policy))
        # A mode newer than the kernel is its to refuse.
        assert result.code == 0 or (mode == "MPOL_WEIGHTED_INTERLEAVE" and "invalid argument" in result.err), result
    assert set(features["linux"]["memoryPolicy"]["flags"]) == {"MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES"}


@pytest.mark.skipif(os.path.exists("/sys/fs/resctrl/schemata"), reason="this host has resctrl")
def test_intel_rdt_without_resctrl_is_named(runtime):
    result = runtime.once("true", change=lambda config: changed(config, "linux.intelRdt", {"closID": "gold"}))
    assert result.code != 0 and "linux.intelRdt: no resctrl file system is mounted" in result.err, result


@pytest.mark.parametrize("path, value, words", [
    ("process.apparmorProfile", "confined", "process.apparmorProfile: AppArmor is not enabled on this host"),
    ("process.selinuxLabel", "system_u:system_r:x_t:s0", "process.selinuxLabel: SELinux is not enabled on this host"),
    ("linux.mountLabel", "system_u:object_r:x_t:s0", "linux.mountLabel: SELinux is not enabled on this host"),
])
def test_a_confinement_that_this_host_has_not_is_named(runtime, path, value, words):
    module = "/sys/module/apparmor/parameters/enabled" if "AppArmor" in words else "/sys/fs/selinux/enforce"
    if os.path.exists(module):
        pytest.skip("this host has it")
    result = runtime.once("true", change=lambda config: changed(config, path, value))
    assert result.code != 0 and words in result.err, result
