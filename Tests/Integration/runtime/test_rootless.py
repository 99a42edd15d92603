"""An ordinary user runs containers."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from cais_testing import CGROUP_PARENT, IS_PEER, Census, ConsoleSocket, changed, make_rootfs, read_until, seccomp_profile, wait_until
from ordinary_user import GID, NAME, SUB_GIDS, SUB_UIDS, UID, UserRuntime


@pytest.fixture
def user():
    runtime = UserRuntime()
    census = Census(runtime)
    try:
        yield runtime
        for name in reversed(runtime.containers):
            runtime("delete", "--force", name)
        runtime.undelegate()
        census.check()
    finally:
        runtime.close()


def process(**values):
    return lambda config: config["process"].update(values)


# -- ids ----------------------------------------------------------------------------------------

def test_the_configuration_of_spec_rootless_runs(user):
    bundle = user.directory / "made"
    bundle.mkdir()
    make_rootfs(bundle / "rootfs")
    subprocess.run(["chown", "-R", f"{UID}:{GID}", bundle], check=True)
    made = user("spec", "--rootless", "--bundle", bundle)
    assert made.code == 0, made
    config = json.loads((bundle / "config.json").read_text())
    config["process"].update(terminal=False, args=["id"])
    (bundle / "config.json").write_text(json.dumps(config))
    result = user("run", "--bundle", bundle, user.name())
    assert result.code == 0 and result.out.startswith("uid=0(root) gid=0(root)"), result


def test_the_users_own_id_alone_needs_no_helper(user):
    user.given("/usr/bin/newuidmap", "", mode=0o644)
    user.given("/usr/bin/newgidmap", "", mode=0o644)
    bundle = user.bundle("sh", "-c", "cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups; touch /tmp/made")
    result = user("run", "--bundle", bundle.path, user.name())
    assert result.code == 0, result
    assert result.out.split() == ["0", str(UID), "1", "0", str(GID), "1", "deny"]
    made = os.stat(bundle.rootfs / "tmp/made")
    assert (made.st_uid, made.st_gid) == (UID, GID)


def test_subordinate_ids_are_mapped_by_the_helpers(user):
    def change(config):
        # runc 1.1 sets no groups without root, although these are mapped (config.md, user: "additionalGids
        # specifies additional group IDs to be added to the process").
        config["process"]["user"] = {"uid": 1000, "gid": 1001, "additionalGids": [] if IS_PEER else [5]}
    bundle = user.bundle("sh", "-c", "id -u; id -g; id -G; cat /proc/self/setgroups; touch /tmp/made", change=change, ids=True)
    result = user("run", "--bundle", bundle.path, user.name())
    assert (result.code, result.out.split()) == (0, ["1000", "1001", "1001", *([] if IS_PEER else ["5"]), "allow"]), result
    made = os.stat(bundle.rootfs / "tmp/made")
    assert (made.st_uid, made.st_gid) == (SUB_UIDS[0] + 999, SUB_GIDS[0] + 1000)


@pytest.mark.skipif(IS_PEER, reason="about this runtime's sentence")
def test_a_missing_helper_is_named_with_its_package(user):
    user.given("/usr/bin/newgidmap", "", mode=0o644)
    result = user.once("true", ids=True)
    assert result.code == 1 and "newgidmap is not found in PATH" in result.err and "uidmap" in result.err, result


@pytest.mark.skipif(IS_PEER, reason="about this runtime's sentence")
def test_ids_that_were_not_given_are_named_with_the_line_that_is_missing(user):
    user.given("/etc/subuid", f"{NAME}:{SUB_UIDS[0]}:1000\n")
    result = user.once("true", ids=True)
    wanted = f"/etc/subuid does not give user {NAME} the user ids {SUB_UIDS[0]}-{SUB_UIDS[0] + 65535}: a line {NAME}:{SUB_UIDS[0]}:65536 is needed"
    assert result.code == 1 and wanted in result.err, result


@pytest.mark.skipif(IS_PEER, reason="about this runtime's sentence")
def test_a_helper_that_lost_its_bit_is_named(user):
    user.given("/usr/bin/newuidmap", pathlib.Path("/usr/bin/newuidmap"), mode=0o755)
    result = user.once("true", ids=True)
    assert result.code == 1 and "chmod u+s /usr/bin/newuidmap" in result.err, result


@pytest.mark.skipif(IS_PEER, reason="about this runtime's sentence")
def test_no_new_privs_is_named_when_it_keeps_the_helpers_from_working(user):
    bundle = user.bundle("true", ids=True)
    result = user.plainly("setpriv", "--no-new-privs", user.path, "--root", user.root, "run", "--bundle", bundle.path, user.name())
    assert result.code == 1 and "no_new_privs is set" in result.err, result


def test_a_user_without_a_mapping_is_refused(user):
    result = user.once("true", change=process(user={"uid": 7, "gid": 0}))
    assert result.code != 0
    assert IS_PEER or "setuid 7: 7 is not mapped in the container's user namespace" in result.err, result
    result = user.once("true", change=process(user={"uid": 0, "gid": 0, "additionalGids": [7]}))
    assert result.code != 0
    assert IS_PEER or "additionalGids" in result.err, result


def test_without_a_user_namespace_the_error_says_that_one_is_needed(user):
    def change(config):
        config["linux"]["namespaces"].pop()
        del config["linux"]["uidMappings"], config["linux"]["gidMappings"]
    result = user.once("true", change=change)
    assert result.code == 1 and "user namespace" in result.err, result


@pytest.mark.skipif(IS_PEER, reason="the peers become user 0, mapped or not")
def test_a_map_without_root_works(user):
    def change(config):
        config["linux"]["uidMappings"][0]["containerID"] = config["linux"]["gidMappings"][0]["containerID"] = 1000
        config["process"]["user"] = {"uid": 1000, "gid": 1000}
    bundle = user.bundle("sh", "-c", "id -u; touch /tmp/made", change=change)
    result = user("run", "--bundle", bundle.path, user.name())
    assert (result.code, result.out) == (0, "1000\n"), result
    assert os.stat(bundle.rootfs / "tmp/made").st_uid == UID


# -- the life of a container --------------------------------------------------------------------

@pytest.mark.parametrize("ids", [False, True])
def test_create_start_exec_kill_delete(user, ids):
    container = user.created(bundle=user.bundle("sleep", "1000", ids=ids))
    assert container.status() == "created"
    assert user("start", container.name).code == 0
    assert container.status() == "running"
    result = container.exec("sh", "-c", "id -u; hostname; echo $$; readlink /proc/1/exe")
    assert result.code == 0 and result.out.split()[:2] == ["0", "box"] and result.out.split()[3] == "/bin/busybox", result
    assert container.exec("sh", "-c", "exit 9").code == 9
    assert container.exec("nope").code == 255
    if ids:
        assert container.exec("sh", "-c", "id -u; id -g", flags=["--user", "1000:5"]).out == "1000\n5\n"
    assert user("kill", container.name, "KILL").code == 0
    container.wait("stopped")
    assert user("delete", container.name).code == 0
    assert user("state", container.name).code != 0


def test_list_names_the_owner(user):
    container = user.created(bundle=user.bundle("true"))
    listed = {entry["id"]: entry for entry in json.loads(user("list", "--format", "json").out)}
    assert listed[container.name]["status"] == "created"
    assert listed[container.name]["owner"] in (str(UID), NAME)


def test_a_terminal_and_its_console(user):
    console = ConsoleSocket(str(user.directory))
    os.chown(console.path, UID, GID)
    bundle = user.bundle("sh", "-c", "tty; stat -c %u $(tty); [ -c /dev/console ] && echo done; sleep 1000", change=process(terminal=True))
    container = user.created(bundle=bundle, flags=["--console-socket", console.path])
    master = console.receive()
    assert user("start", container.name).code == 0
    assert read_until(master, b"done").split()[:2] == [b"/dev/pts/0", b"0"]
    os.close(master)
    console = ConsoleSocket(str(user.directory))
    os.chown(console.path, UID, GID)
    result = container.exec("tty", flags=["--tty", "--detach", "--console-socket", console.path])
    assert result.code == 0, result
    master = console.receive()
    assert b"/dev/pts/" in read_until(master, b"\n")
    os.close(master)


@pytest.mark.skipif(IS_PEER, reason="the specification does not know exec; the peers' waiting init can be traced by its user")
def test_a_container_that_waits_cannot_be_entered_and_says_why(user):
    container = user.created(bundle=user.bundle("true"))
    result = container.exec("id")
    assert result.code == 255 and "a container that is not started can be entered by root only" in result.err, result
    # For the same reason nobody but root can look into what is still the runtime.
    look = user.plainly("readlink", f"/proc/{container.pid}/root")
    assert look.code != 0 and not look.out


def test_hooks_run_as_the_user(user):
    def change(config):
        config["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", f"id -u > {user.session}/hook; cat >> {user.session}/hook"]}]}
    result = user.once("true", change=change)
    assert result.code == 0, result
    owner, state = (user.session / "hook").read_text().split("\n", 1)
    assert owner == str(UID) and json.loads(state)["status"] == "creating"


def test_a_second_container_joins_the_first_ones_user_namespace(user):
    first = user.created(bundle=user.bundle("sleep", "1000", ids=True))
    assert user("start", first.name).code == 0

    def change(config):
        for entry in config["linux"]["namespaces"]:
            if entry["type"] in ("user", "ipc", "uts"):
                entry["path"] = f"/proc/{first.pid}/ns/{entry['type']}"
        del config["hostname"], config["linux"]["uidMappings"], config["linux"]["gidMappings"]
    if IS_PEER:
        pytest.skip("no peer of this age joins a user namespace and makes the others in it")
    result = user.once("sh", "-c", "id -u; hostname; echo $$; readlink /proc/self/ns/user; touch /tmp/x", change=change)
    assert result.code == 0 and result.out.split()[:3] == ["0", "box", "1"], result
    assert result.out.split()[3] == os.readlink(f"/proc/{first.pid}/ns/user")


# -- where the state is -------------------------------------------------------------------------

@pytest.mark.skipif(IS_PEER, reason="about this runtime's directories")
def test_the_state_is_in_the_session_and_else_in_tmp(user):
    bundle = user.bundle("true")
    name = user.name()
    assert user.bare("create", "--bundle", bundle.path, name).code == 0
    assert (user.session / "cais-runtime" / name / "state.json").exists()
    assert user.bare("list", "--quiet").out.split() == [name]
    assert user.bare("list", "--quiet", environment={}).out == ""
    assert user.bare("delete", "--force", name).code == 0
    fallback = pathlib.Path(f"/tmp/cais-runtime-{UID}")
    try:
        assert os.stat(fallback).st_mode & 0o7777 == 0o700
        assert os.stat(fallback).st_uid == UID
        assert user.bare("run", "--bundle", bundle.path, user.name(), environment={}).code == 0
    finally:
        shutil.rmtree(fallback, ignore_errors=True)


@pytest.mark.skipif(IS_PEER, reason="about this runtime's directories")
def test_a_state_directory_that_somebody_else_made_is_refused(user):
    fallback = pathlib.Path(f"/tmp/cais-runtime-{UID}")
    fallback.symlink_to(user.session)
    try:
        result = user.bare("list", environment={})
        assert result.code == 1 and f"{fallback} is not this user's own directory" in result.err
    finally:
        fallback.unlink()


# -- cgroups ------------------------------------------------------------------------------------

@pytest.mark.skipif(IS_PEER, reason="the peers' warning is another")
def test_without_a_cgroup_it_runs_and_warns_where_one_was_named(user):
    result = user.once("true")
    assert (result.code, result.err) == (0, ""), result
    result = user.once("true", change=lambda config: changed(config, "linux.cgroupsPath", "/not/for/users"))
    assert result.code == 0 and "no cgroup: make cgroup" in result.err, result
    assert user.once("true", flags=["--rootless", "true"]).code == 0
    result = user.once("true", flags=["--rootless", "false"])
    assert result.code == 1 and "make cgroup" in result.err, result


def test_a_limit_that_cannot_be_set_is_an_error(user):
    result = user.once("true", change=lambda config: changed(config, "linux.resources", {"pids": {"limit": 50}}))
    assert result.code == 1, result
    assert IS_PEER or "process number limit: there is no cgroup to set it in: make cgroup" in result.err, result
    if not IS_PEER:
        result = user.once("true", change=lambda config: changed(config, "linux.resources", {"memory": {"limit": 1 << 26}}))
        assert result.code == 1 and "memory limits: there is no cgroup to set it in" in result.err, result


@pytest.mark.skipif(IS_PEER, reason="the peers need a cgroup for it")
def test_processes_are_found_without_a_cgroup(user):
    container = user.created(bundle=user.bundle("sh", "-c", "sleep 1000 & exec sleep 1000"))
    assert user("start", container.name).code == 0
    pids = wait_until("both sleep", lambda: len(found := json.loads(user("ps", "--format", "json", container.name).out)) == 2 and found)
    assert container.pid in pids
    assert user("kill", "--all", container.name, "KILL").code == 0
    container.wait("stopped")


@pytest.mark.parametrize("ids", [False, True])
def test_delegated_cgroups_are_used(user, ids):
    user.delegate()

    def change(config):
        config["linux"]["resources"] = {"pids": {"limit": 77}, "memory": {"limit": 1 << 27}, "devices": [{"allow": False, "access": "rwm"}]}
        # From the hierarchies' roots: what an engine gives that knows where it may make one.
        config["linux"]["cgroupsPath"] = f"{CGROUP_PARENT}/user/box"
    container = user.created(bundle=user.bundle("sleep", "1000", change=change, ids=ids))
    assert user("start", container.name).code == 0
    places = [line.split(":", 2)[2] for line in open(f"/proc/{container.pid}/cgroup") if ":pids:" in line or line.startswith("0::") and ":memory:" not in line]
    assert places and all(place.strip().endswith("/user/box") for place in places), places
    limits = [top / "box/pids.max" for top in user.cgroups if (top / "box/pids.max").exists()]
    assert limits and limits[0].read_text() == "77\n"
    assert container.exec("sh", "-c", "grep -c /user/box /proc/self/cgroup").out != "0\n"
    assert user("pause", container.name).code == 0
    assert container.status() == "paused"
    assert user("resume", container.name).code == 0
    assert container.status() == "running"
    assert len(json.loads(user("ps", "--format", "json", container.name).out)) == 1
    assert user("delete", "--force", container.name).code == 0
    assert not [top for top in user.cgroups if (top / "box").exists()]


@pytest.mark.skipif(IS_PEER, reason="the peers name it otherwise")
def test_a_delegated_cgroup_is_found_beneath_the_users_own(user):
    user.delegate()
    container = user.created(bundle=user.bundle("sleep", "1000"))
    assert any(f"/user/session/cais/{container.name}" in line for line in open(f"/proc/{container.pid}/cgroup"))


@pytest.mark.skipif(IS_PEER, reason="the peers fail there, or start from another process")
def test_exec_follows_init_where_the_container_divided_its_cgroup(user):
    """As for root: with controllers given to cgroups beneath it, the container's own takes no process any more."""
    user.delegate()

    def change(config):
        config["linux"]["cgroupsPath"] = f"{CGROUP_PARENT}/user/box"
    container = user.created(bundle=user.bundle("sleep", "1000", change=change))
    assert user("start", container.name).code == 0
    box = next(top / "box" for top in user.cgroups if (top / "box/cgroup.subtree_control").exists())
    controller = next(iter((box / "cgroup.controllers").read_text().split()), None)
    if controller is None:
        pytest.skip("v2 has no controller here")
    (box / "inner").mkdir()
    for file in (box / "inner", box / "inner/cgroup.procs"):  # as if the container's root had made it
        os.chown(file, UID, GID)
    (box / "inner/cgroup.procs").write_text(str(container.pid))
    (box / "cgroup.subtree_control").write_text(f"+{controller}")
    result = container.exec("grep", "-c", "^0::.*/inner$", "/proc/self/cgroup")
    assert (result.code, result.out) == (0, "1\n"), result
    assert user("delete", "--force", container.name).code == 0
    assert not box.exists()


# -- mounts and devices -------------------------------------------------------------------------

def mount(**entry):
    return lambda config: config["mounts"].append(entry)


def test_devices_are_the_hosts(user):
    result = user.once("sh", "-c", "head -c 3 /dev/zero | wc -c; echo x > /dev/null; stat -c %t:%T /dev/null /dev/full; ls -l /dev/fd")
    assert result.code == 0 and result.out.split()[:3] == ["3", "1:3", "1:7"], result


@pytest.fixture
def restricted(user):
    """A directory of the user's on a mount that forbids programs, their privileges and devices."""
    place = user.directory / "restricted"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"nosuid,nodev,noexec,uid={UID},gid={GID}", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.skipif(IS_PEER, reason="runc before 1.2 fails where flags are locked")
@pytest.mark.parametrize("options", [["bind", "ro"], ["rbind", "rw"], ["bind", "nosuid", "noatime"]])
def test_what_a_mount_forbids_stays_forbidden(user, restricted, options):
    result = user.once("sh", "-c", "grep ' /data ' /proc/self/mountinfo", change=mount(destination="/data", type="bind", source=str(restricted), options=options))
    assert result.code == 0, result
    flags = result.out.split()[5].split(",")
    assert {"nosuid", "nodev", "noexec"} <= set(flags) and ("ro" in flags) == ("ro" in options), result


@pytest.mark.skipif(IS_PEER, reason="the peers keep them without a word, or refuse")
def test_a_property_that_cannot_be_taken_away_is_named(user, restricted):
    result = user.once("sh", "-c", "grep ' /data ' /proc/self/mountinfo", change=mount(
        destination="/data", type="bind", source=str(restricted), options=["bind", "exec", "dev", "ro"]))
    assert result.code == 0 and "nodev, noexec of its source cannot be changed in a user namespace, and stays" in result.err, result
    assert result.out.split()[5].startswith("ro,nosuid,nodev,noexec"), result


@pytest.mark.skipif(IS_PEER, reason="runc 1.1 makes no such mounts")
def test_file_systems_of_the_hosts_namespaces_are_bound(user):
    def change(config):
        config["linux"]["namespaces"] = [entry for entry in config["linux"]["namespaces"] if entry["type"] != "pid"]
        config["mounts"] = [entry for entry in config["mounts"] if entry["destination"] != "/sys"]
        config["mounts"].append({"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]})
        config["linux"]["maskedPaths"] = config["linux"]["readonlyPaths"] = []
        config["linux"]["sysctl"] = {"fs.mqueue.msg_max": "20"}
    result = user.once("sh", "-c", "cat /proc/sys/fs/mqueue/msg_max; ls /sys/class/net; cat /proc/self/comm; echo $$; awk '$5==\"/sys\" {print $6}' /proc/self/mountinfo", change=change)
    assert result.code == 0, result
    words = result.out.split()
    assert words[0] == "20" and "lo" in words and words[-3] == "cat" and int(words[-2]) > 1 and "ro" in words[-1].split(","), result


@pytest.mark.skipif(IS_PEER, reason="the peers refuse the whole configuration for it")
def test_the_terminals_group_is_left_out_where_it_has_no_id(user):
    def change(config):
        next(entry for entry in config["mounts"] if entry["type"] == "devpts")["options"].append("gid=5")
    result = user.once("sh", "-c", "grep ' /dev/pts ' /proc/self/mountinfo", change=change)
    assert result.code == 0 and "gid=5" not in result.out, result


def test_another_group_that_has_no_id_is_an_error(user):
    result = user.once("true", change=mount(destination="/data", type="tmpfs", source="tmpfs", options=["gid=77"]))
    assert result.code == 1 and "gid" in result.err, result


def test_a_root_of_somebody_elses_is_readable(user):
    bundle = user.bundle("sh", "-c", "cat /etc/passwd > /dev/null && touch /tmp/x /etc/x")
    subprocess.run(["chown", "-R", "0:0", bundle.rootfs], check=True)
    result = user("run", "--bundle", bundle.path, user.name())
    assert result.code == 1 and "/etc/x" in result.err and not (bundle.rootfs / "etc/x").exists(), result


def test_an_overlay_is_mounted(user):
    places = {name: user.directory / name for name in ("lower", "upper", "work")}
    for place in places.values():
        place.mkdir()
        os.chown(place, UID, GID)
    (places["lower"] / "file").write_text("below")
    os.chown(places["lower"] / "file", UID, GID)
    options = [f"{name}dir={place}" for name, place in places.items()] + ["userxattr"]
    result = user.once("sh", "-c", "cat /data/file; echo above > /data/file", change=mount(destination="/data", type="overlay", source="overlay", options=options))
    assert (result.code, result.out) == (0, "below"), result
    assert (places["upper"] / "file").read_text() == "above\n"


@pytest.mark.skipif(IS_PEER, reason="about this runtime's sentence")
def test_a_bind_that_would_uncover_is_explained(user):
    place = user.directory / "covered"
    (place / "inner").mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place / "inner"], check=True)
    try:
        result = user.once("true", change=mount(destination="/data", type="bind", source=str(place), options=["bind"]))
        assert result.code == 1 and "rbind instead of bind is needed" in result.err, result
        assert user.once("true", change=mount(destination="/data", type="bind", source=str(place), options=["rbind"])).code == 0
    finally:
        subprocess.run(["umount", "-l", place / "inner"], check=True)


# -- what cannot be raised ----------------------------------------------------------------------

@pytest.mark.skipif(IS_PEER, reason="the peers fail")
def test_limits_and_scores_that_cannot_change_are_warned_of(user):
    bundle = user.bundle("cat", "/proc/self/oom_score_adj", change=process(
        oomScoreAdj=-500, rlimits=[{"type": "RLIMIT_NOFILE", "soft": 1 << 30, "hard": 1 << 30}]))
    result = user("run", "--bundle", bundle.path, user.name())
    assert result.code == 0 and result.out == open("/proc/self/oom_score_adj").read(), result
    assert "oom_score_adj" in result.err and "RLIMIT_NOFILE" in result.err, result


def test_a_score_can_rise(user):
    container = user.created(bundle=user.bundle("sleep", "1000", change=process(oomScoreAdj=300)))
    assert user("start", container.name).code == 0
    assert open(f"/proc/{container.pid}/oom_score_adj").read() == "300\n"
    assert container.exec("cat", "/proc/self/oom_score_adj").out == "300\n"


@pytest.mark.parametrize("no_new_privileges", [False, True])
def test_a_filter_is_loaded(user, no_new_privileges):
    def change(config):
        config["linux"]["seccomp"] = seccomp_profile()
        config["linux"]["seccomp"]["syscalls"].append({"names": ["sethostname"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5})
        config["process"]["noNewPrivileges"] = no_new_privileges
        for kind in ("bounding", "effective", "permitted"):
            config["process"]["capabilities"][kind] = ["CAP_SYS_ADMIN"]
    result = user.once("sh", "-c", "grep Seccomp: /proc/self/status; hostname x", change=change)
    assert "Seccomp:\t2" in result.out and "Input/output error" in result.err, result


# -- protection ---------------------------------------------------------------------------------

@pytest.mark.skipif(IS_PEER, reason="about this runtime's binary")
def test_an_executable_of_the_users_own_cannot_be_written_from_inside(user):
    own = user.directory / "cais-runtime"
    shutil.copy(user.path, own)
    os.chown(own, UID, GID)
    os.chmod(own, 0o755)
    user.path = str(own)
    container = user.created(bundle=user.bundle("true"))
    assert os.statvfs(f"/proc/{container.pid}/exe").f_flag & os.ST_RDONLY
    with pytest.raises(OSError):
        os.open(f"/proc/{container.pid}/exe", os.O_WRONLY)
    before = own.read_bytes()
    victim = user.created(bundle=user.bundle("sleep", "1000"))
    assert user("start", victim.name).code == 0
    result = victim.exec("sh", "-c", "for pid in /proc/[0-9]*; do (echo x > $pid/exe) 2>/dev/null && echo written; done; true")
    assert result.code == 0 and "written" not in result.out, result
    assert own.read_bytes() == before


@pytest.mark.skipif(IS_PEER, reason="about this runtime's binary")
def test_an_executable_of_roots_is_run_as_it_is(user):
    container = user.created(bundle=user.bundle("true"))
    assert os.readlink(f"/proc/{container.pid}/exe") == os.path.realpath(user.path)
    status = os.stat(user.path)
    assert status.st_uid == 0 and status.st_mode & 0o022 == 0


# -- in other namespaces ------------------------------------------------------------------------

def test_root_of_a_namespace_without_privileges(user):
    if IS_PEER:
        pytest.skip("runc 1.1 wants a mount namespace of its own there")

    def change(config):
        config["linux"]["uidMappings"][0]["hostID"] = config["linux"]["gidMappings"][0]["hostID"] = 0
    bundle = user.bundle("sh", "-c", "id -u; cat /proc/self/uid_map", change=change)
    for extra in ([], ["--mount"], ["--mount", "--pid", "--fork", "--mount-proc"]):
        result = user.plainly("unshare", "--user", "--map-root-user", *extra, user.path, "--root", user.root, "run", "--bundle", bundle.path, user.name())
        assert (result.code, result.out.split()) == (0, ["0", "0", "0", "1"]), (extra, result)


@pytest.mark.skipif(IS_PEER, reason="about this runtime's sentence")
def test_ids_that_the_namespace_around_lacks_are_named(user):
    bundle = user.bundle("true", ids=True)
    result = user.plainly("unshare", "--user", "--map-root-user", "--mount", user.path, "--root", user.root, "run", "--bundle", bundle.path, user.name())
    assert result.code == 1 and "are not among those of the user namespace that this process is in" in result.err, result


@pytest.mark.skipif(IS_PEER, reason="about this runtime's sentence")
def test_inside_a_container_with_a_covered_proc_the_error_says_so(user):
    def nested(config):
        config["linux"]["uidMappings"][0]["hostID"] = config["linux"]["gidMappings"][0]["hostID"] = 0
    inner = user.bundle("echo", "inside", change=nested)
    with tempfile.TemporaryDirectory(prefix="cais-bin-", dir="/tmp") as place:
        shutil.copy(user.path, place)
        os.chmod(place, 0o755)

        def outer(masked):
            def change(config):
                config["mounts"] += [
                    {"destination": "/inner", "type": "bind", "source": str(inner.path), "options": ["rbind"]},
                    {"destination": "/opt", "type": "bind", "source": place, "options": ["rbind"]}]
                for kind in ("bounding", "effective", "permitted"):
                    config["process"]["capabilities"][kind] += ["CAP_SYS_ADMIN"]
                if not masked:
                    config["linux"]["maskedPaths"] = config["linux"]["readonlyPaths"] = []
            return user.once("/opt/cais-runtime", "--root", "/tmp/state", "run", "--bundle", "/inner", "inner", change=change)
        result = outer(masked=True)
        assert result.code == 1 and "has parts covered or read-only" in result.err, result
        result = outer(masked=False)
        assert (result.code, result.out) == (0, "inside\n"), result
