"""What a hostile image or container tries, and that it fails (docs/threat-model.md)."""

import os
import stat
import subprocess
import time

import pytest

from cais_testing import IS_PEER, RUNTIME, wait_until


def own_binary():
    return os.path.realpath(RUNTIME)


@pytest.mark.skipif(IS_PEER, reason="about this runtime's binary")
def test_the_runtimes_binary_cannot_be_written_from_inside(runtime):
    """The program of the image is /proc/self/exe: the runtime itself runs inside, as itself."""
    digest = subprocess.run(["sha256sum", own_binary()], stdout=subprocess.PIPE, check=True).stdout.split()[0]
    container = runtime.started("sleep", "1000")
    # A process of the container looks for one whose executable is the runtime's and opens it for writing.
    hunter = ("while [ ! -e /tmp/stop ]; do for p in /proc/[0-9]*; do [ $p = /proc/1 ] || "
              "( case $(readlink $p/exe) in *cais-runtime*) : > $p/exe && echo WROTE;; esac ) 2>/dev/null; done; done; echo over")
    hunt = subprocess.Popen(runtime.command("exec", container.name, "sh", "-c", hunter), stdout=subprocess.PIPE)
    for _ in range(10):
        runtime("exec", container.name, "/proc/self/exe", "--version")
        runtime("exec", container.name, "true")
    (container.bundle.rootfs / "bin/script").write_text("#!/proc/self/exe\n")
    (container.bundle.rootfs / "bin/script").chmod(0o755)
    for _ in range(5):
        runtime("exec", container.name, "/bin/script")
    (container.bundle.rootfs / "tmp/stop").touch()
    out = hunt.communicate(timeout=60)[0]
    assert b"over" in out
    assert b"WROTE" not in out
    assert subprocess.run(["sha256sum", own_binary()], stdout=subprocess.PIPE, check=True).stdout.split()[0] == digest
    assert runtime("state", container.name).code == 0


@pytest.mark.skipif(IS_PEER, reason="about this runtime's binary")
def test_the_executable_seen_from_inside_is_read_only(runtime):
    bundle = runtime.bundle("/proc/self/exe", "features")
    # It runs the runtime inside, from a file that even root inside cannot open for writing.
    result = runtime("run", "--bundle", bundle.path, runtime.name())
    assert result.code == 0 and "ociVersionMin" in result.out
    container = runtime.created("true")
    with pytest.raises(OSError) as refused:
        os.open(f"/proc/{container.pid}/exe", os.O_WRONLY)
    assert refused.value.strerror in ("Read-only file system", "Text file busy")
    # Busy is any file that runs, and only for so long: what holds afterwards is the read-only mount.
    assert os.statvfs(f"/proc/{container.pid}/exe").f_flag & os.ST_RDONLY


def test_a_working_directory_through_a_descriptor_is_refused(runtime):
    for number in range(3, 12):
        def change(config, number=number):
            config["process"]["cwd"] = f"/proc/self/fd/{number}"
        result = runtime.once("sh", "-c", "ls ../../../../etc/debian_version", change=change)
        assert "/etc/debian_version" not in result.out, number


def test_exec_with_a_working_directory_through_a_descriptor_is_refused(runtime):
    container = runtime.started("sleep", "1000")
    for number in range(3, 12):
        result = container.exec("sh", "-c", "ls ../../../../etc/debian_version", flags=["--cwd", f"/proc/self/fd/{number}"])
        assert "debian_version" not in result.out, number


@pytest.mark.parametrize("link", ["../../../../..", "/", "/proc/self/root", "../../outside"])
def test_a_mount_through_a_link_stays_inside(runtime, link):
    outside = runtime.directory / "outside"
    outside.mkdir(exist_ok=True)
    (runtime.directory / "data").mkdir()
    bundle = runtime.bundle("true", change=lambda config: config["mounts"].append(
        {"destination": "/link/target", "type": "bind", "source": str(runtime.directory / "data"), "options": ["bind"]}))
    (bundle.rootfs / "link").symlink_to(link)
    before = set(os.listdir("/"))
    runtime("run", "--bundle", bundle.path, runtime.name())
    assert set(os.listdir("/")) == before and not os.listdir(outside)


def test_a_link_in_place_of_proc_is_refused(runtime):
    bundle = runtime.bundle("cat", "/proc/version")
    (bundle.rootfs / "proc").rmdir()
    (bundle.rootfs / "elsewhere").mkdir()
    (bundle.rootfs / "proc").symlink_to("elsewhere")
    assert runtime("run", "--bundle", bundle.path, runtime.name()).code != 0


def test_a_mount_inside_proc_through_a_link_is_refused(runtime):
    bundle = runtime.bundle("cat", "/proc/sys/kernel/ostype", change=lambda config: config["mounts"].append(
        {"destination": "/innocent", "type": "tmpfs", "source": "tmpfs"}))
    (bundle.rootfs / "innocent").symlink_to("proc/sys/kernel")
    assert runtime("run", "--bundle", bundle.path, runtime.name()).code != 0 or IS_PEER


@pytest.mark.skipif(IS_PEER, reason="CVE-2025-31133 is newer than Debian's peers")
def test_a_null_device_that_is_a_link_masks_all_the_same(runtime):
    """Without a tmpfs on /dev, the image's own /dev/null would be the mask: a link to a file of /proc."""
    def change(config):
        config["mounts"] = [mount for mount in config["mounts"] if not mount["destination"].startswith("/dev")]
    bundle = runtime.bundle("sh", "-c", "wc -c < /proc/timer_list", change=change)
    (bundle.rootfs / "dev/null").symlink_to("/proc/sys/kernel/core_pattern")
    result = runtime("run", "--bundle", bundle.path, runtime.name())
    assert result.code != 0 or result.out.strip() == "0", result


@pytest.mark.skipif(IS_PEER, reason="CVE-2025-52565 is newer than Debian's peers")
def test_a_console_that_is_a_link_is_refused(runtime):
    from cais_testing import ConsoleSocket
    def change(config):
        config["process"]["terminal"] = True
        config["mounts"] = [mount for mount in config["mounts"] if mount["destination"] != "/dev"]
    console = ConsoleSocket(str(runtime.directory))
    bundle = runtime.bundle("true", change=change)
    (bundle.rootfs / "dev/console").symlink_to("/proc/sys/kernel/core_pattern")
    result = runtime("create", "--bundle", bundle.path, "--console-socket", console.path, runtime.name())
    assert result.code != 0, result


def test_a_dev_that_is_a_link_makes_no_devices_outside(runtime):
    outside = runtime.directory / "outside"
    outside.mkdir()
    def change(config):
        config["mounts"] = [mount for mount in config["mounts"] if not mount["destination"].startswith("/dev")]
    bundle = runtime.bundle("true", change=change)
    (bundle.rootfs / "dev").rmdir()
    (bundle.rootfs / "dev").symlink_to(f"../../../../../../..{outside}")
    runtime("run", "--bundle", bundle.path, runtime.name())
    assert not os.listdir(outside)


@pytest.mark.parametrize("path", ["../../../../../../cais-escape", "/../../cais-escape/../../../cais-escape"])
def test_a_cgroup_path_stays_beneath_the_hierarchy(runtime, path):
    from cais_testing import cgroup_hierarchies
    container = runtime.started("sleep", "1000", change=lambda config: config["linux"].update(cgroupsPath=path))
    assert not any(os.path.exists(f"{os.path.dirname(top)}/cais-escape") for top in cgroup_hierarchies())
    assert "cais-escape" in open(f"/proc/{container.pid}/cgroup").read(), "normalised beneath each root"
    assert runtime("delete", "--force", container.name).code == 0
    if not IS_PEER:
        assert not any(os.path.exists(f"{top}/cais-escape") for top in cgroup_hierarchies())


def test_the_waiting_init_cannot_be_looked_into(runtime):
    """Another container in the same pid namespace finds init before it has become the program."""
    first = runtime.started("sleep", "1000")
    def change(config):
        for entry in config["linux"]["namespaces"]:
            if entry["type"] == "pid":
                entry["path"] = f"/proc/{first.pid}/ns/pid"
    second = runtime.created("true", change=change)
    inside = next(line.split()[-1] for line in open(f"/proc/{second.pid}/status") if line.startswith("NSpid"))
    result = first.exec("sh", "-c", f"for f in 0 1 2 3; do readlink /proc/{inside}/fd/$f; done; ls /proc/{inside}/root/ ; cat /proc/{inside}/mem | head -c 1; cat /proc/{inside}/environ | wc -c")
    assert "ermission denied" in result.err and not result.out.strip().strip("0"), result


def test_the_state_directory_is_closed(runtime):
    container = runtime.created("true")
    mode = os.stat(runtime.root / container.name).st_mode
    assert stat.S_IMODE(mode) & 0o007 == 0


@pytest.mark.skipif(IS_PEER, reason="the peers take seconds")
def test_a_configuration_full_of_words_does_not_spin(runtime):
    def change(config):
        config["process"]["env"] += [f"V{number}=x" for number in range(100_000)]
        config["process"]["user"]["additionalGids"] = list(range(1, 60_000))
    began = time.monotonic()
    runtime.once("true", change=change)
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("content,place", [("{", "1:2"), ('{"ociVersion": 5}', "ociVersion"), ("[]", ""), ("", ""),
                                           ('{"ociVersion":"1.0.2","root":{"path":7}}', "root")])
def test_a_broken_configuration_is_named_with_its_place(runtime, content, place):
    bundle = runtime.bundle("true")
    (bundle.path / "config.json").write_text(content)
    result = runtime("run", "--bundle", bundle.path, runtime.name())
    assert result.code != 0 and result.err
    if not IS_PEER:
        assert "config.json" in result.err and place in result.err, result


def test_unknown_fields_are_tolerated_and_a_missing_configuration_is_not(runtime):
    def change(config):
        config["future"] = {"a": [1, None, "x"]}
        config["process"]["future"] = 1
    bundle = runtime.bundle("echo", "ok", change=change)
    assert runtime("run", "--bundle", bundle.path, runtime.name()).out == "ok\n"
    (bundle.path / "config.json").unlink()
    result = runtime("run", "--bundle", bundle.path, runtime.name())
    assert result.code == 1 and "config.json" in result.err


@pytest.mark.parametrize("words,text", [
    (["nope"], 'exec: "nope": executable file not found in $PATH'),
    (["/etc/passwd"], 'exec: "/etc/passwd": permission denied'),
    (["/nope"], "no such file or directory"),
])
def test_a_command_that_cannot_run_is_named(runtime, words, text):
    result = runtime.once(*words)
    assert result.code != 0 and text in result.err, result


def test_a_file_that_is_no_program_is_told_to_whoever_started(runtime):
    bundle = runtime.bundle("/bin/odd")
    (bundle.rootfs / "bin/odd").write_bytes(b"\x7fELF not really")
    (bundle.rootfs / "bin/odd").chmod(0o755)
    result = runtime("run", "--bundle", bundle.path, runtime.name())
    assert result.code != 0 and "exec format error" in result.err.lower(), result


@pytest.mark.skipif(IS_PEER, reason="this runtime's log")
def test_errors_go_to_the_log_too(runtime):
    import json
    bundle = runtime.bundle("nope")
    log = runtime.directory / "log.json"
    runtime("run", "--bundle", bundle.path, runtime.name(), flags=["--log", log, "--log-format", "json"])
    last = json.loads(log.read_text().splitlines()[-1])
    assert last["level"] == "error" and "executable file not found" in last["msg"] and "time" in last


def test_hundred_containers_leave_nothing(runtime):
    bundle = runtime.bundle("true")
    running = [subprocess.Popen(runtime.command("run", "--bundle", bundle.path, runtime.name()), stdout=subprocess.DEVNULL) for _ in range(1)]
    assert all(process.wait(timeout=60) == 0 for process in running)
    for _ in range(4):
        bundles = [runtime.bundle("true") for _ in range(5)]
        running = [subprocess.Popen(runtime.command("run", "--bundle", one.path, runtime.name()), stdout=subprocess.DEVNULL) for one in bundles]
        assert all(process.wait(timeout=120) == 0 for process in running)
    wait_until("all gone", lambda: not runtime("list", "-q").out.split())
