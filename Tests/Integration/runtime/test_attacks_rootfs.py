"""A hostile image: links, FIFOs, devices and directories where the runtime expects something else (docs/threat-model.md)."""

import os
import pathlib
import stat

import pytest

from attacking import Host, ended, put, remove
from cais_testing import IS_PEER, ConsoleSocket

ours = pytest.mark.skipif(IS_PEER, reason="the peers of Debian 12 have some of these holes, or hang")


@pytest.fixture
def host(runtime):
    host = Host(runtime.directory)
    yield host
    host.check("something of this test")


def without_dev(config):
    """/dev is then what the image has."""
    config["mounts"] = [mount for mount in config["mounts"] if not mount["destination"].startswith("/dev")]


def links(host):
    """Where a link of an image may lead: to the host by its path, above the root, to the kernel's files, into another process."""
    outside = str(host.outside)
    return [f"{outside}/canary", outside, f"../../../../../../../..{outside}/canary", f"/proc/1/root{outside}", "/proc/self/root/..",
            "/proc/sys/kernel/core_pattern", "/proc/self/fd/5", "/proc/self/exe", "/", ".", "self-loop", "/nowhere/at/all"]


def hostile(host, few=False):
    """Kinds of files that an image may have anywhere."""
    kinds = ("fifo", "directory", "file", "socket", "character", "block")
    return [("link", target) for target in links(host)[::3 if few else 1]] + [(kind, None) for kind in kinds]


# -- /dev -------------------------------------------------------------------------------------------

@ours
@pytest.mark.parametrize("name", ["null", "zero", "tty", "ptmx", "fd", "stdin", "core", "shm", "pts"])
def test_a_hostile_file_in_dev_leads_nowhere(runtime, host, name):
    """Devices are made by *at() calls that follow nothing, and what is there must be that device."""
    bundle = runtime.bundle("true", change=without_dev)
    for kind, target in hostile(host, few=name not in ("null", "ptmx")):
        remove(bundle.rootfs / "dev")
        (bundle.rootfs / "dev").mkdir()
        put(bundle.rootfs / "dev" / name, kind, target)
        ended(runtime("run", "--bundle", bundle.path, runtime.name(), timeout=20))
        host.check((name, kind, target))


@ours
@pytest.mark.parametrize("name", ["dev", "dev/console", "dev/pts", "dev/pts/ptmx"])
def test_a_terminal_is_made_of_nothing_hostile(runtime, host, name):
    """The multiplexer is asked what it is, and the console is bound on a place that is no link."""
    def change(config):
        without_dev(config)
        config["process"]["terminal"] = True
    bundle = runtime.bundle("true", change=change)
    for kind, target in hostile(host):
        remove(bundle.rootfs / "dev")
        if name != "dev":
            (bundle.rootfs / "dev").mkdir()
        put(bundle.rootfs / name, kind, target)
        console = ConsoleSocket(str(runtime.directory))
        ended(runtime("create", "--bundle", bundle.path, "--console-socket", console.path, runtime.name(), timeout=20))
        console.listener.close()
        host.check((name, kind, target))


@ours
def test_a_null_device_with_other_numbers_is_no_mask_and_no_device(runtime, host):
    bundle = runtime.bundle("cat", "/proc/timer_list", change=without_dev)
    put(bundle.rootfs / "dev/null", "character")
    result = runtime("run", "--bundle", bundle.path, runtime.name())
    assert result.code != 0 and not result.out and "null" in result.err, result


@ours
def test_a_dev_that_is_a_link_is_refused(runtime, host):
    """Nothing is made or removed in the place of the container that it leads to either."""
    (runtime.directory / "volume").mkdir()
    (runtime.directory / "volume/ptmx").write_text("a file of the volume")
    def change(config):
        without_dev(config)
        config["mounts"].append({"destination": "/volume", "type": "bind", "source": str(runtime.directory / "volume"), "options": ["bind"]})
    bundle = runtime.bundle("true", change=change)
    put(bundle.rootfs / "dev", "link", "volume")
    assert runtime("run", "--bundle", bundle.path, runtime.name()).code != 0
    assert os.listdir(runtime.directory / "volume") == ["ptmx"] and (runtime.directory / "volume/ptmx").is_file()


# -- masks ------------------------------------------------------------------------------------------

@ours
def test_masks_and_read_only_paths_through_hostile_files(runtime, host):
    def change(config):
        config["linux"]["maskedPaths"].append("/masked/path")
        config["linux"]["readonlyPaths"].append("/kept/path")
    bundle = runtime.bundle("true", change=change)
    for kind, target in hostile(host):
        for place in ("", "/path"):
            for top in ("masked", "kept"):
                remove(bundle.rootfs / top)
                put(f"{bundle.rootfs}/{top}{place}", kind, target)
            ended(runtime("run", "--bundle", bundle.path, runtime.name(), timeout=20))
            host.check((place, kind, target))


def test_masks_stay_on_what_the_container_sees(runtime):
    """An image whose paths of masks lead to what is masked in it cannot read it by that way."""
    def change(config):
        config["linux"]["maskedPaths"].append("/way")
    bundle = runtime.bundle("cat", "/secret/file", change=change)
    (bundle.rootfs / "secret").mkdir()
    (bundle.rootfs / "secret/file").write_text("seen")
    (bundle.rootfs / "way").symlink_to("secret")
    assert "seen" not in runtime("run", "--bundle", bundle.path, runtime.name()).out


# -- mount targets ------------------------------------------------------------------------------------

@ours
@pytest.mark.parametrize("source", ["directory", "file", "tmpfs"])
def test_a_mount_on_a_hostile_target(runtime, host, source):
    data = put(runtime.directory / "data", "file" if source == "file" else "directory")
    def change(config):
        config["mounts"].append({"destination": "/place/target", "type": "tmpfs", "source": "tmpfs"} if source == "tmpfs" else
                                {"destination": "/place/target", "type": "bind", "source": str(data), "options": ["bind"]})
    bundle = runtime.bundle("true", change=change)
    for kind, target in hostile(host):
        for place in ("place", "place/target"):
            remove(bundle.rootfs / "place")
            put(bundle.rootfs / place, kind, target)
            ended(runtime("run", "--bundle", bundle.path, runtime.name(), timeout=20))
            host.check((place, kind, target))


@ours
def test_a_target_whose_links_go_round_or_lead_to_each_other_is_refused(runtime, host):
    bundle = runtime.bundle("true", change=lambda config: config["mounts"].append(
        {"destination": "/a/x", "type": "tmpfs", "source": "tmpfs"}))
    (bundle.rootfs / "a").symlink_to("b")
    (bundle.rootfs / "b").symlink_to("a")
    assert runtime("run", "--bundle", bundle.path, runtime.name()).code != 0
    remove(bundle.rootfs / "a")
    for number in range(60):
        (bundle.rootfs / (f"l{number}" if number else "a")).symlink_to(f"l{number + 1}/missing")
    assert runtime("run", "--bundle", bundle.path, runtime.name()).code != 0


@ours
@pytest.mark.parametrize("destination", ["/" + "/".join(["d"] * 400), "/" + "n" * 300, "/" + "/".join(["n" * 250] * 40), "relative/../../../path"])
def test_deep_and_long_targets_end(runtime, host, destination):
    result = ended(runtime.once("true", change=lambda config: config["mounts"].append(
        {"destination": destination, "type": "tmpfs", "source": "tmpfs"})))
    assert result.code == 0 or "mounts" in result.err or "mount" in result.err, result


@ours
def test_a_mount_over_the_root_hides_no_host(runtime, host):
    """By its name it is refused; by a link it covers the container's own root at most."""
    for destination in ("/", "//", "/.", "/a/..", "/../.."):
        result = runtime.once("true", change=lambda config: config["mounts"].append(
            {"destination": destination, "type": "tmpfs", "source": "tmpfs"}))
        assert result.code != 0 and "root" in result.err, (destination, result)
    bundle = runtime.bundle("ls", "/", change=lambda config: config["mounts"].append(
        {"destination": "/x", "type": "tmpfs", "source": "tmpfs"}))
    (bundle.rootfs / "x").symlink_to("/")
    result = ended(runtime("run", "--bundle", bundle.path, runtime.name()))
    assert "boot" not in result.out.split() and "srv" not in result.out.split(), result


def test_a_mount_that_would_cover_a_link_to_another_process_is_refused(runtime):
    """`/proc/1/root` would be the way out of the tree that is being built."""
    for link in ("/proc/1/root", "/proc/self/cwd", "/proc/self/fd/3"):
        bundle = runtime.bundle("true", change=lambda config: config["mounts"].append(
            {"destination": "/x/tmp", "type": "tmpfs", "source": "tmpfs"}))
        (bundle.rootfs / "x").symlink_to(link)
        before = open("/proc/self/mountinfo").read()
        runtime("run", "--bundle", bundle.path, runtime.name())
        assert open("/proc/self/mountinfo").read() == before


# -- /proc and /sys -----------------------------------------------------------------------------------

@ours
@pytest.mark.parametrize("name", ["proc", "sys"])
def test_what_is_no_directory_takes_no_kernel_file_system(runtime, host, name):
    bundle = runtime.bundle("true", change=lambda config: config["linux"]["maskedPaths"].clear())
    for kind, target in hostile(host):
        if kind == "directory":
            continue
        put(bundle.rootfs / name, kind, target)
        result = ended(runtime("run", "--bundle", bundle.path, runtime.name(), timeout=20))
        assert result.code != 0, (kind, target)
        host.check((name, kind, target))


@ours
@pytest.mark.parametrize("mount", [
    {"destination": "/proc", "type": "tmpfs", "source": "tmpfs"},
    {"destination": "/proc", "type": "bind", "source": "/tmp", "options": ["rbind"]},
    {"destination": "/proc/self/attr", "type": "tmpfs", "source": "tmpfs"},
    {"destination": "/proc/self/attr/apparmor/exec", "type": "bind", "source": "/dev/null", "options": ["bind"]},
    {"destination": "/proc/sys", "type": "tmpfs", "source": "tmpfs"},
    {"destination": "/proc/../proc/sys/net", "type": "tmpfs", "source": "tmpfs"},
    {"destination": "//proc//sys", "type": "bind", "source": "/tmp", "options": ["bind"]},
    {"destination": "/proc/1/fd", "type": "tmpfs", "source": "tmpfs"},
    {"destination": "/link/sys", "type": "tmpfs", "source": "tmpfs"},
    {"destination": "/link/cpuinfo", "type": "bind", "source": "/dev/null", "options": ["bind"]},
    {"destination": "/proc", "type": "cgroup", "source": "cgroup"},
], ids=lambda mount: mount["destination"].strip("/").replace("/", "-") + "-" + mount["type"])
def test_a_mount_on_or_in_proc_is_refused(runtime, mount):
    """A faked /proc would take the writes meant for the kernel (CVE-2019-16884, CVE-2025-52881)."""
    bundle = runtime.bundle("true", change=lambda config: config["mounts"].append(mount))
    (bundle.rootfs / "link").symlink_to("proc")
    result = runtime("run", "--bundle", bundle.path, runtime.name())
    assert result.code != 0 and "proc" in result.err, result


@ours
def test_sysctls_are_written_to_the_kernel_whatever_is_mounted(runtime):
    """Also where the configuration mounts no /proc and the image has one of its own."""
    def change(config):
        config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}
        config["mounts"] = [mount for mount in config["mounts"] if mount["destination"] != "/proc"]
        config["linux"]["maskedPaths"] = config["linux"]["readonlyPaths"] = []
        config["process"]["capabilities"] = {kind: ["CAP_SYS_ADMIN"] for kind in ("bounding", "effective", "permitted")}
    bundle = runtime.bundle("sh", "-c", "cat /proc/sys/net/ipv4/ip_forward; mount -t proc proc /tmp && cat /tmp/sys/net/ipv4/ip_forward", change=change)
    fake = bundle.rootfs / "proc/sys/net/ipv4"
    fake.mkdir(parents=True)
    (fake / "ip_forward").write_text("fake\n")
    assert runtime("run", "--bundle", bundle.path, runtime.name()).out == "fake\n1\n"


# -- copying up -----------------------------------------------------------------------------------------

def copied_up(config):
    config["mounts"].append({"destination": "/data", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup", "size=16m"]})


@ours
def test_copying_up_follows_nothing_and_opens_no_device(runtime, host):
    bundle = runtime.bundle("sh", "-c", "cd /data && cat link under/canary absolute 2>/dev/null; ls -l | cut -c1; cat file; stat -c %a suid", change=copied_up)
    data = put(bundle.rootfs / "data", "directory")
    put(data / "link", "link", f"../../outside/canary")
    put(data / "absolute", "link", str(host.canary))
    put(data / "under", "link", str(host.outside))
    for kind in ("fifo", "socket", "character", "block"):
        put(data / kind, kind)
    put(data / "file", "file", "copied\n")
    put(data / "suid", "file").chmod(0o4755)
    result = runtime("run", "--bundle", bundle.path, runtime.name(), timeout=20)
    assert result.code == 0 and "the host's" not in result.out and "copied\n4755" in result.out, result


@ours
def test_names_that_are_no_text_are_copied_as_they_are(runtime):
    bundle = runtime.bundle("sh", "-c", "find /data | od -An -tx1", change=copied_up)
    os.mkdir(bundle.rootfs / "data")
    for name in (b"\xff\xfe", b"new\nline", b"\x1b[31m"):
        with open(os.path.join(os.fsencode(bundle.rootfs / "data"), name), "wb"):
            pass
    result = runtime("run", "--bundle", bundle.path, runtime.name())
    assert result.code == 0 and "ff fe" in result.out, result


@ours
@pytest.mark.parametrize("what", ["sparse", "deep", "large"])
def test_copying_up_has_bounds(runtime, what):
    """What is too much is refused with its step, soon, and nothing is left."""
    bundle = runtime.bundle("true", change=copied_up)
    data = bundle.rootfs / "data"
    data.mkdir()
    if what == "sparse":
        with open(data / "huge", "wb") as file:
            file.truncate(1 << 42)
    elif what == "large":
        with open(data / "huge", "wb") as file:
            file.truncate(64 << 20)
    else:
        here = os.open(data, os.O_RDONLY)
        for _ in range(600):
            os.mkdir("d", dir_fd=here)
            below = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(here)
    result = ended(runtime("run", "--bundle", bundle.path, runtime.name(), timeout=30))
    assert result.code != 0 and "copy" in result.err, result


# -- the working directory --------------------------------------------------------------------------------

PLACES = ["/proc/self/fd/{n}", "/proc/thread-self/fd/{n}", "/proc/self/fd/{n}/../../..", "/link{n}", "/proc/self/cwd", "/proc/1/root", "/proc/1/cwd",
          "/proc/self/root/../.."]


def test_no_working_directory_leads_outside(runtime):
    """CVE-2024-21626, with every descriptor the runtime may have open, by its name and through a link of the image."""
    bundle = runtime.bundle("sh", "-c", "cat ../../../../../../etc/hostname ../../../../proc/1/comm; ls .. ../.. 2>/dev/null; pwd")
    (bundle.rootfs / "etc/hostname").write_text("the container's\n")
    for number in range(3, 13):
        put(bundle.rootfs / f"link{number}", "link", f"/proc/self/fd/{number}")
    for place in PLACES:
        for number in range(3, 13) if "{n}" in place else [0]:
            bundle.change(lambda config: config["process"].update(cwd=place.format(n=number)))
            result = runtime("run", "--bundle", bundle.path, runtime.name())
            assert "debian_version" not in result.out and "cais" not in result.out, (place, number, result)
            assert result.code != 0 or "the container's" in result.out, (place, number, result)


def test_no_working_directory_of_exec_leads_outside(runtime):
    container = runtime.started("sleep", "1000")
    (container.bundle.rootfs / "etc/hostname").write_text("the container's\n")
    for number in range(3, 13):
        put(container.bundle.rootfs / f"link{number}", "link", f"/proc/self/fd/{number}")
    for place in PLACES:
        for number in range(3, 13) if "{n}" in place else [0]:
            result = container.exec("cat", "../../../../../../etc/hostname", flags=["--cwd", place.format(n=number)])
            assert result.code != 0 or result.out == "the container's\n", (place, number, result)


# -- files of users ---------------------------------------------------------------------------------------

@ours
def test_a_hostile_password_file_is_neither_waited_for_nor_believed(runtime, host):
    """Its place may hold anything; what it says is one directory at most."""
    bundle = runtime.bundle("sh", "-c", "echo $HOME")
    container = runtime.started("sleep", "1000")
    secret = {"AAA": "\nx:x:0:0:x:/leaked:x\n"}
    for kind, target in hostile(host) + [("link", "/proc/self/environ"), ("link", "/proc/self/maps"), ("file", "root:x:0:0:root:../../x:\n"),
                                         ("file", ":" * 100_000 + "\n"), ("file", "\n" * 900_000), ("file", "r:x:0:0::" + "/a" * 4_000 + ":\n")]:
        put(bundle.rootfs / "etc/passwd", kind, target)
        result = ended(runtime("run", "--bundle", bundle.path, runtime.name(), timeout=20, env=secret))
        assert result.code == 0 and "leaked" not in result.out and result.out.startswith("/"), (kind, target, result)
        put(container.bundle.rootfs / "etc/passwd", kind, target)
        result = ended(container.exec("sh", "-c", "echo $HOME", timeout=20, env=secret))
        assert result.code == 0 and "leaked" not in result.out and result.out.startswith("/"), (kind, target, result)
    for path in (bundle.rootfs, container.bundle.rootfs):
        with open(put(path / "etc/passwd", "file"), "wb") as file:
            file.truncate(1 << 40)
    assert runtime("run", "--bundle", bundle.path, runtime.name(), timeout=20).out == "/\n"
    assert container.exec("sh", "-c", "echo $HOME", timeout=20).out == "/\n"


@ours
def test_a_root_that_is_no_directory_is_named(runtime, host):
    bundle = runtime.bundle("true")
    for kind, target in [("fifo", None), ("file", None), ("socket", None), ("character", None), ("link", "loop"), ("link", str(host.canary))]:
        bundle.change(lambda config: config["root"].update(path="other"))
        put(bundle.path / "other", kind, target)
        if target == "loop":
            put(bundle.path / "loop", "link", "other")
        result = ended(runtime("run", "--bundle", bundle.path, runtime.name(), timeout=20))
        assert result.code != 0 and "root" in result.err, (kind, result)
