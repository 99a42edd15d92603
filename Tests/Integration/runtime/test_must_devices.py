"""What the specification demands of /dev, default devices and links, masked and read-only paths
(config-linux.md, devices and default devices; runtime-linux.md, dev symbolic links)."""

import os
import stat
import subprocess

import pytest

from cais_testing import IS_PEER, ConsoleSocket, read_until

DEFAULT = [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)]
LINKS = [("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2")]


def devices(*entries, allowed=True):
    """Puts devices into a configuration, and lets the cgroup allow all of them."""
    def change(config):
        config["linux"]["devices"] = list(entries)
        if allowed:
            config["linux"]["resources"]["devices"] = [{"allow": True, "access": "rwm"}]
    return change


def user_namespace(config):
    config["linux"]["namespaces"].append({"type": "user"})
    config["linux"]["uidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 200000, "size": 65536}]


def run(runtime, *args, change=None, mapped=False, prepare=None):
    """Runs a container, in a user namespace where asked; `prepare` may change its root first."""
    def both(config):
        if change:
            change(config)
        if mapped:
            user_namespace(config)
    bundle = runtime.bundle(*args, change=both)
    if prepare:
        prepare(bundle.rootfs)
    if mapped:
        subprocess.run(["chown", "-hR", "100000:200000", bundle.rootfs], check=True)
        for place in (runtime.directory, bundle.path):
            os.chmod(place, 0o711)
    return runtime("run", "--bundle", bundle.path, runtime.name())


def without_dev(config):
    """So that the image's own /dev is the container's."""
    config["mounts"] = [mount for mount in config["mounts"] if not mount["destination"].startswith("/dev")]


# -- default devices and links ------------------------------------------------------------------

@pytest.mark.parametrize("mapped", [False, True], ids=["host", "user namespace"])
@pytest.mark.parametrize("name,major,minor", DEFAULT)
def test_a_default_device_is_there_and_open_to_all(runtime, name, major, minor, mapped):
    result = run(runtime, "stat", "-c", "%F %t:%T %a", f"/dev/{name}", mapped=mapped)
    assert result.out == f"character special file {major:x}:{minor:x} 666\n", result


def test_the_default_devices_work(runtime):
    result = runtime.once("sh", "-c", "echo x > /dev/null; head -c 3 /dev/zero | od -An -tx1; echo x > /dev/full; "
                                      "head -c 8 /dev/random | wc -c; head -c 8 /dev/urandom | wc -c; cat /dev/null | wc -c")
    assert result.out.split() == ["00", "00", "00", "8", "8", "0"] and "No space" in result.err, result


def test_the_default_devices_are_there_without_a_mount_on_dev(runtime):
    result = run(runtime, "sh", "-c", "cd /dev; for d in null zero full random urandom tty; do [ -c $d ] && echo $d; done", change=without_dev)
    assert result.out.split() == [name for name, _, _ in DEFAULT], result


@pytest.mark.parametrize("name,target", LINKS)
def test_a_default_link_is_there(runtime, name, target):
    assert runtime.once("readlink", f"/dev/{name}").out == f"{target}\n"


def test_the_default_links_lead_to_the_programs_streams(runtime):
    result = runtime.once("sh", "-c", "cat /dev/stdin; echo out >> /dev/fd/1", input=b"in\n")
    assert result.out == "in\nout\n", result


def test_ptmx_is_the_containers_own(runtime):
    result = runtime.once("sh", "-c", "readlink /dev/ptmx; stat -L -c %t:%T /dev/ptmx; ls /dev/pts")
    assert result.out.split() == ["pts/ptmx", "5:2", "ptmx"], result


def test_the_console_is_the_terminal(runtime):
    console = ConsoleSocket(str(runtime.directory))
    container = runtime.created("sh", "-c", "stat -c '%F' /dev/console; grep -c ' /dev/console ' /proc/self/mountinfo; echo hello > /dev/console; sleep 1000",
                                change=lambda config: config["process"].update(terminal=True), flags=["--console-socket", console.path])
    master = console.receive()
    assert runtime("start", container.name).code == 0
    seen = read_until(master, b"hello").decode()
    assert "character special file" in seen and "\n1" in seen.replace("\r", ""), seen
    os.close(master)


def test_no_console_without_a_terminal(runtime):
    assert runtime.once("sh", "-c", "[ -e /dev/console ] || echo none").out == "none\n"


# -- devices of the configuration ---------------------------------------------------------------

@pytest.mark.parametrize("kind,shown", [("c", "character special file"), ("u", "character special file"), ("b", "block special file"), ("p", "fifo")])
def test_a_device_of_each_type(runtime, kind, shown):
    numbers = {} if kind == "p" else {"major": 11, "minor": 22}
    result = run(runtime, "stat", "-c", "%F %t:%T", "/dev/mine", change=devices({"path": "/dev/mine", "type": kind, **numbers}))
    assert result.out.startswith(shown) and (kind == "p" or result.out.endswith(" b:16\n")), result


@pytest.mark.parametrize("path", ["/dev/mine", "/dev/deep/er/mine", "/elsewhere/mine", "/mine"])
def test_a_device_may_be_anywhere(runtime, path):
    result = run(runtime, "sh", "-c", f"echo x > {path} && stat -c %t:%T {path}", change=devices({"path": path, "type": "c", "major": 1, "minor": 3}))
    assert result.out == "1:3\n", result


@pytest.mark.parametrize("mode", [0o000, 0o400, 0o666, 0o777, 0o640])
def test_a_device_has_its_mode_and_owners(runtime, mode):
    result = run(runtime, "stat", "-c", "%a %u %g", "/dev/mine",
                 change=devices({"path": "/dev/mine", "type": "c", "major": 1, "minor": 3, "fileMode": mode, "uid": 12, "gid": 34}))
    assert result.out == f"{mode:o} 12 34\n", result


def test_a_default_device_may_be_given_with_other_properties(runtime):
    result = run(runtime, "stat", "-c", "%t:%T %a %u", "/dev/null",
                 change=devices({"path": "/dev/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o600, "uid": 5, "gid": 0}))
    assert result.out == "1:3 600 5\n", result


def test_a_device_that_is_there_already_as_asked_is_taken(runtime):
    entry = {"path": "/given", "type": "c", "major": 1, "minor": 3}
    result = run(runtime, "stat", "-c", "%t:%T", "/given", change=devices(entry),
                 prepare=lambda root: os.mknod(root / "given", stat.S_IFCHR | 0o666, os.makedev(1, 3)))
    assert result.out == "1:3\n", result


@pytest.mark.skipif(IS_PEER, reason="config-linux.md, devices: 'If a file already exists at path that does not match the requested device, the runtime "
                                    "MUST generate an error'; runc takes what is there")
@pytest.mark.parametrize("occupy", [
    lambda path: path.write_text("a file"), lambda path: path.mkdir(), lambda path: path.symlink_to("/dev/null"), lambda path: os.mkfifo(path),
    lambda path: os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5)), lambda path: os.mknod(path, stat.S_IFBLK | 0o666, os.makedev(1, 3)),
], ids=["file", "directory", "link", "fifo", "other number", "other type"])
def test_a_place_that_another_file_has_is_refused(runtime, occupy):
    result = run(runtime, "true", change=devices({"path": "/taken", "type": "c", "major": 1, "minor": 3}), prepare=lambda root: occupy(root / "taken"))
    assert result.code != 0 and "/taken" in result.err, result


@pytest.mark.skipif(IS_PEER, reason="config-linux.md, devices: path is a full path; runc takes a relative one")
def test_a_relative_path_of_a_device_is_refused(runtime):
    result = run(runtime, "true", change=devices({"path": "dev/mine", "type": "c", "major": 1, "minor": 3}))
    assert result.code != 0 and "dev/mine" in result.err, result


# -- default file systems -----------------------------------------------------------------------

@pytest.mark.parametrize("path,kind", [("/proc", "proc"), ("/sys", "sysfs"), ("/dev/pts", "devpts"), ("/dev/shm", "tmpfs")])
def test_the_configuration_that_spec_writes_has_the_default_file_systems(runtime, path, kind):
    bundle = runtime.bundle("true")
    (bundle.path / "config.json").unlink()
    assert runtime("spec", cwd=bundle.path).code == 0
    import json
    config = json.loads((bundle.path / "config.json").read_text())
    assert [mount["type"] for mount in config["mounts"] if mount["destination"] == path] == [kind]
    config["process"].update(terminal=False, args=["cat", "/proc/self/mounts"])
    bundle.config = config
    bundle.write()
    result = runtime("run", "--bundle", bundle.path, runtime.name())
    assert [line.split()[2] for line in result.out.splitlines() if line.split()[1] == path] == [kind], result


@pytest.mark.skipif(IS_PEER, reason="config-linux.md, default filesystems: they SHOULD be listed, and need not; runc cannot start without /proc")
def test_file_systems_that_are_not_listed_are_not_mounted(runtime):
    result = run(runtime, "sh", "-c", "ls /proc /sys /dev/shm /dev/pts; echo end", change=lambda config: (
        config.update(mounts=[]), config["linux"].pop("maskedPaths"), config["linux"].pop("readonlyPaths")))
    assert result.out.replace("/proc:", "").replace("/sys:", "").split() == ["end"], result


# -- masked and read-only paths -----------------------------------------------------------------

def furnish(root):
    """A root with a place of every kind."""
    (root / "place/directory").mkdir(parents=True)
    (root / "place/directory/inner").write_text("secret")
    (root / "place/file").write_text("secret")
    (root / "place/file").chmod(0o666)
    os.mkfifo(root / "place/fifo")
    os.mknod(root / "place/character", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    os.mknod(root / "place/block", stat.S_IFBLK | 0o666, os.makedev(7, 200))
    (root / "place/to-file").symlink_to("file")
    (root / "place/to-directory").symlink_to("directory")
    (root / "place/to-nothing").symlink_to("nothing")


def masked(*paths):
    return lambda config: config["linux"].update(maskedPaths=list(paths))


def protected(*paths):
    return lambda config: config["linux"].update(readonlyPaths=list(paths))


@pytest.mark.parametrize("name", ["file", "directory", "character", "block", "fifo", "to-file", "to-directory"])
def test_a_masked_path_of_each_kind_cannot_be_read(runtime, name):
    result = run(runtime, "sh", "-c", f"if [ -d /place/{name} ]; then ls -A /place/{name}; else timeout 5 head -c 16 /place/{name}; fi; echo end",
                 change=masked(f"/place/{name}"), prepare=furnish)
    assert result.out == "end\n", result


def test_what_is_reached_through_the_target_of_a_masked_link_is_masked_too(runtime):
    result = run(runtime, "sh", "-c", "cat /place/file; ls /place/directory; echo end", change=masked("/place/to-file", "/place/to-directory"), prepare=furnish)
    assert result.out == "end\n", result


def test_a_masked_path_takes_no_writing(runtime):
    result = run(runtime, "sh", "-c", "touch /place/directory/new; echo x >> /place/file; cat /place/file", change=masked("/place/directory", "/place/file"),
                 prepare=furnish)
    assert "ead-only" in result.err and result.out == "", result


@pytest.mark.parametrize("list_of", [masked, protected], ids=["masked", "read-only"])
@pytest.mark.parametrize("path", ["/missing", "/missing/deep", "/place/file/below", "/place/to-nothing"])
def test_a_path_that_is_not_there_is_passed_over(runtime, list_of, path):
    if IS_PEER and path == "/place/file/below":
        pytest.skip("what cannot be there needs no mask; runc fails")
    result = run(runtime, "sh", "-c", "ls /; echo end", change=list_of(path), prepare=furnish)
    assert result.code == 0 and "missing" not in result.out and result.out.endswith("end\n"), result


@pytest.mark.skipif(IS_PEER, reason="config-linux.md: 'maskedPaths ... Values MUST be absolute paths', 'readonlyPaths ... Values MUST be absolute paths'; runc takes any")
@pytest.mark.parametrize("list_of,name", [(masked, "maskedPaths"), (protected, "readonlyPaths")], ids=["masked", "read-only"])
@pytest.mark.parametrize("path", ["place/file", "./place", "", "../place"])
def test_a_relative_path_is_refused(runtime, list_of, name, path):
    result = run(runtime, "true", change=list_of(path), prepare=furnish)
    assert result.code != 0 and name in result.err, result


@pytest.mark.parametrize("name", ["file", "directory", "to-file", "to-directory"])
def test_a_read_only_path_of_each_kind_can_be_read_and_not_written(runtime, name):
    result = run(runtime, "sh", "-c", f"if [ -d /place/{name} ]; then cat /place/{name}/inner; touch /place/{name}/new; else cat /place/{name}; echo x >> /place/{name}; fi",
                 change=protected(f"/place/{name}"), prepare=furnish)
    assert result.out == "secret" and "ead-only" in result.err, result


@pytest.mark.parametrize("name", ["character", "block", "fifo"])
def test_a_read_only_path_may_be_a_node(runtime, name):
    # Writing to a device is no change of the file system; changing the node is.
    result = run(runtime, "chmod", "600", f"/place/{name}", change=protected(f"/place/{name}"), prepare=furnish)
    assert result.code != 0 and "ead-only" in result.err, result


@pytest.mark.skipif(IS_PEER, reason="config-linux.md: 'readonlyPaths will set the provided paths as readonly inside the container'; runc leaves what is mounted beneath")
def test_what_is_mounted_beneath_a_read_only_path_is_read_only_too(runtime):
    def change(config):
        config["mounts"].append({"destination": "/place/directory", "type": "tmpfs", "source": "tmpfs"})
        protected("/place")(config)
    result = run(runtime, "touch", "/place/directory/new", change=change, prepare=furnish)
    assert result.code != 0 and "ead-only" in result.err, result


def test_a_path_can_be_masked_and_one_beside_it_read_only(runtime):
    def change(config):
        masked("/place/directory")(config)
        protected("/place")(config)
    result = run(runtime, "sh", "-c", "ls -A /place/directory; cat /place/file; touch /place/new", change=change, prepare=furnish)
    assert result.out == "secret" and "ead-only" in result.err, result
