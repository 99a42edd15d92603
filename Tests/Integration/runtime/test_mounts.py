"""The file tree: mounts and their options, the root, masks, devices."""

import os
import stat
import subprocess

import pytest

from cais_testing import IS_PEER


def mount(destination, **entry):
    return lambda config: config["mounts"].append({"destination": destination, **entry})


def mountinfo(result, destination):
    """The lines of mountinfo about a destination, last one counting."""
    lines = [line.split() for line in result.out.splitlines() if line.split()[4] == destination]
    assert lines, result
    return lines[-1]


def run_mountinfo(runtime, *changes):
    def change(config):
        for one in changes:
            one(config)
    result = runtime.once("cat", "/proc/self/mountinfo", change=change)
    assert result.code == 0, result
    return result


def test_a_bind_mount_shows_the_host_and_can_be_read_only(runtime):
    (runtime.directory / "data").mkdir()
    (runtime.directory / "data/file").write_text("from the host")
    change = mount("/new/deep/place", type="bind", source=str(runtime.directory / "data"), options=["rbind", "ro"])
    result = runtime.once("sh", "-c", "cat /new/deep/place/file; touch /new/deep/place/x", change=change)
    assert result.out == "from the host" and "Read-only" in result.err


def test_a_file_is_bound_on_a_file_that_is_made(runtime):
    (runtime.directory / "file").write_text("content")
    change = mount("/etc/made", type="bind", source=str(runtime.directory / "file"), options=["bind"])
    assert runtime.once("cat", "/etc/made", change=change).out == "content"


def test_a_relative_source_counts_from_the_bundle(runtime):
    bundle = runtime.bundle("cat", "/x/file", change=mount("/x", type="bind", source="extra", options=["bind"]))
    (bundle.path / "extra").mkdir()
    (bundle.path / "extra/file").write_text("beside the root")
    assert runtime("run", "--bundle", bundle.path, runtime.name()).out == "beside the root"


@pytest.mark.parametrize("options,expected", [
    (["nosuid", "nodev", "noexec"], {"nosuid", "nodev", "noexec", "rw", "relatime"}),
    (["ro", "noatime"], {"ro", "noatime"}),
    (["strictatime"], {"rw"}),
    (["nodiratime"], {"rw", "nodiratime", "relatime"}),
])
def test_options_of_a_new_file_system(runtime, options, expected):
    result = run_mountinfo(runtime, mount("/mnt", type="tmpfs", source="tmpfs", options=options + ["size=64k", "mode=700"]))
    fields = mountinfo(result, "/mnt")
    assert expected <= set(fields[5].split(",")), fields
    assert "size=64k" in fields[-1] and "mode=700" in fields[-1]


@pytest.mark.skipif(IS_PEER, reason="Debian's peers know only some of the recursive words")
@pytest.mark.parametrize("word,expected", [("rro", "ro"), ("rnosuid", "nosuid"), ("rnodev", "nodev"), ("rnoexec", "noexec"), ("rnoatime", "noatime")])
def test_recursive_options_reach_what_is_mounted_beneath(runtime, word, expected):
    top = runtime.directory / "top"
    (top / "sub").mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", top / "sub"], check=True)
    try:
        result = run_mountinfo(runtime, mount("/top", type="bind", source=str(top), options=["rbind", word]))
    finally:
        subprocess.run(["umount", top / "sub"], check=True)
    assert expected in mountinfo(result, "/top/sub")[5].split(",")
    assert expected in mountinfo(result, "/top")[5].split(",")


@pytest.mark.parametrize("word,tag", [("rprivate", None), ("rslave", "master:"), ("rshared", "shared:")])
def test_propagation_of_a_bind_mount(runtime, word, tag):
    top = runtime.directory / "top"
    top.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", top], check=True)
    subprocess.run(["mount", "--make-shared", top], check=True)
    try:
        def root(config):
            config["linux"]["rootfsPropagation"] = {"rprivate": "rprivate", "rslave": "rslave", "rshared": "rshared"}[word]
        result = run_mountinfo(runtime, mount("/top", type="bind", source=str(top), options=["rbind", word]), root)
    finally:
        subprocess.run(["umount", top], check=True)
    optional = mountinfo(result, "/top")[6:]
    optional = optional[:optional.index("-")]
    if tag:
        assert any(field.startswith(tag) for field in optional), optional
    else:
        assert not optional


def test_a_mount_shared_with_the_host_appears_there(runtime):
    top = runtime.directory / "top"
    top.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", top], check=True)
    subprocess.run(["mount", "--make-shared", top], check=True)
    try:
        def change(config):
            mount("/top", type="bind", source=str(top), options=["rbind", "rshared"])(config)
            config["linux"]["rootfsPropagation"] = "rshared"
            for kind in ("bounding", "effective", "permitted"):
                config["process"]["capabilities"][kind] = config["process"]["capabilities"][kind] + ["CAP_SYS_ADMIN"]
        container = runtime.started("sh", "-c", "mkdir /top/x && mount -t tmpfs inside /top/x && sleep 1000", change=change)
        from cais_testing import wait_until
        wait_until("the mount appears on the host", lambda: f"{top}/x" in open("/proc/self/mounts").read())
        runtime("delete", "--force", container.name)
    finally:
        subprocess.run(["umount", "-R", top], check=True)


def test_a_tmpfs_has_the_mode_of_the_directory_it_covers(runtime):
    bundle = runtime.bundle("stat", "-c", "%a", "/covered", change=mount("/covered", type="tmpfs", source="tmpfs", options=["nosuid"]))
    (bundle.rootfs / "covered").mkdir(mode=0o711)
    assert runtime("run", "--bundle", bundle.path, runtime.name()).out == "711\n"


def test_copy_up_brings_the_images_files(runtime):
    bundle = runtime.bundle("sh", "-c", "cat /data/a/file; readlink /data/link; stat -c %a /data/a; touch /data/new",
                            change=mount("/data", type="tmpfs", source="tmpfs", options=["tmpcopyup"]))
    (bundle.rootfs / "data/a").mkdir(parents=True, mode=0o755)
    (bundle.rootfs / "data/a/file").write_text("inside\n")
    (bundle.rootfs / "data/a").chmod(0o750)
    (bundle.rootfs / "data/link").symlink_to("a/file")
    result = runtime("run", "--bundle", bundle.path, runtime.name())
    assert result.out == "inside\na/file\n750\n", result
    assert not (bundle.rootfs / "data/new").exists()


def test_a_read_only_root_is_read_only_and_its_mounts_are_not(runtime):
    def change(config):
        config["root"]["readonly"] = True
        mount("/writable", type="tmpfs", source="tmpfs")(config)
    bundle = runtime.bundle("sh", "-c", "touch /x; touch /writable/x && echo ok", change=change)
    result = runtime("run", "--bundle", bundle.path, runtime.name())
    assert result.out == "ok\n" and "Read-only" in result.err


def test_masked_and_read_only_paths(runtime):
    result = runtime.once("sh", "-c", "wc -c < /proc/timer_list; ls /sys/firmware | wc -l; echo 1 > /proc/sys/kernel/msgmax; touch /sys/firmware/x")
    assert result.out.split() == ["0", "0"], result
    assert result.err.count("ead-only") == 2, result


def test_default_devices_and_links(runtime):
    result = runtime.once("sh", "-c", "for d in null zero full random urandom tty; do stat -c '%n %t:%T %a' /dev/$d; done; "
                                      "for l in fd stdin stdout stderr ptmx; do readlink /dev/$l; done")
    assert result.out.split("\n")[:6] == ["/dev/null 1:3 666", "/dev/zero 1:5 666", "/dev/full 1:7 666", "/dev/random 1:8 666",
                                          "/dev/urandom 1:9 666", "/dev/tty 5:0 666"]
    assert result.out.split("\n")[6:11] == ["/proc/self/fd", "/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2", "pts/ptmx"]


def test_devices_of_the_configuration(runtime):
    def change(config):
        config["linux"]["devices"] = [{"path": "/dev/sub/mine", "type": "c", "major": 10, "minor": 229, "fileMode": 0o640, "uid": 3, "gid": 4},
                                      {"path": "/dev/pipe", "type": "p"}]
    result = runtime.once("stat", "-c", "%F %t:%T %a %u %g", "/dev/sub/mine", "/dev/pipe", change=change)
    assert result.out.splitlines()[0] == "character special file a:e5 640 3 4"
    assert result.out.splitlines()[1].startswith("fifo")


@pytest.mark.skipif(IS_PEER, reason="runc takes whatever file is there: config-linux.md, 'MUST generate an error'")
def test_a_device_in_place_of_another_file_is_refused(runtime):
    def change(config):
        config["linux"]["devices"] = [{"path": "/tmp/taken", "type": "c", "major": 1, "minor": 3}]
    bundle = runtime.bundle("true", change=change)
    (bundle.rootfs / "tmp/taken").write_text("a file")
    result = runtime("run", "--bundle", bundle.path, runtime.name())
    assert result.code != 0 and "/tmp/taken" in result.err


def test_the_cgroup_mount_shows_the_containers_own(runtime):
    def change(config):
        config["linux"]["resources"]["pids"] = {"limit": 77}
    result = runtime.once("sh", "-c", "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null; touch /sys/fs/cgroup/x", change=change)
    assert result.out == "77\n" and "ead-only" in result.err, result


@pytest.mark.skipif(IS_PEER, reason="Debian's runc knows no idmap")
def test_an_id_mapped_mount(runtime):
    data = runtime.directory / "data"
    data.mkdir()
    (data / "file").touch()
    os.chown(data / "file", 500, 500)
    change = mount("/data", type="bind", source=str(data), options=["bind", "idmap"],
                   uidMappings=[{"containerID": 500, "hostID": 700, "size": 1}], gidMappings=[{"containerID": 500, "hostID": 800, "size": 1}])
    result = runtime.once("stat", "-c", "%u %g", "/data/file", change=change)
    assert result.out == "700 800\n", result


def test_no_pivot_changes_the_root_all_the_same(runtime):
    bundle = runtime.bundle("sh", "-c", "ls /; cat /proc/self/mountinfo | wc -l")
    result = runtime("run", "--no-pivot", "--bundle", bundle.path, runtime.name())
    assert result.code == 0 and set(result.out.split()[:-1]) == set(os.listdir(bundle.rootfs)), result


@pytest.mark.parametrize("change", [
    mount("/mnt", type="nosuchfs", source="x"),
    mount("/mnt", type="tmpfs", source="x", options=["nosuchoption=1"]),
    mount("/mnt", type="bind", source="/nonexistent", options=["bind"]),
    mount("/proc/sys", type="tmpfs", source="x"),
    lambda config: config["root"].update(path="missing"),
])
def test_a_mount_that_fails_names_its_place_and_leaves_nothing(runtime, change):
    result = runtime.once("true", change=change)
    assert result.code == 1 and result.err.count("\n") >= 1
    if not IS_PEER:
        assert "/mnt" in result.err or "/proc/sys" in result.err or "missing" in result.err
        assert result.err.count("\n") == 1


def test_the_working_directory_is_made(runtime):
    def change(config):
        config["process"]["cwd"] = "/not/there/yet"
    assert runtime.once("pwd", change=change).out == "/not/there/yet\n"


def test_a_root_shared_with_others_is_left_unmounted(runtime):
    bundle = runtime.bundle("true")
    before = open("/proc/self/mountinfo").read()
    assert runtime("run", "--bundle", bundle.path, runtime.name()).code == 0
    assert open("/proc/self/mountinfo").read() == before
    assert stat.S_ISDIR(os.stat(bundle.rootfs).st_mode)
