"""Propagation of the root, and the options of mounts as the kernel shows them afterwards."""

import os
import subprocess

import pytest

from cais_testing import IS_PEER, changed, wait_until


@pytest.fixture
def mount(runtime):
    """mount(8), undone before the census."""
    places = []

    def act(*words):
        subprocess.run(["mount", *map(str, words)], check=True)
        places.append(words[-1])
    yield act
    for place in reversed(places):
        subprocess.run(["umount", "-l", place], check=False, stderr=subprocess.DEVNULL)


@pytest.fixture
def tree(runtime, mount):
    """A directory with another file system beneath."""
    source = runtime.directory / "tree"
    (source / "beneath").mkdir(parents=True)
    mount("-t", "tmpfs", "beneath", source / "beneath")
    return source


def root_line(result):
    """The fields of the root's line in mountinfo."""
    assert result.code == 0, result
    return next(line.split() for line in result.out.splitlines() if line.split()[4] == "/")


def propagation(word):
    return lambda config: changed(config, "linux.rootfsPropagation", word)


@pytest.mark.parametrize("word, has, has_not", [
    ("shared", ["shared:"], []), ("rshared", ["shared:"], []), ("private", [], ["shared:", "master:"]), ("rprivate", [], ["shared:", "master:"]),
    ("unbindable", ["unbindable"], ["shared:", "master:"]), ("runbindable", ["unbindable"], ["shared:", "master:"]), ("slave", [], ["shared:"]), ("rslave", [], ["shared:"]),
])
def test_the_roots_propagation(runtime, word, has, has_not):
    if IS_PEER and "unbindable" in word:
        pytest.skip("config-linux.md, Rootfs Mount Propagation: Debian's runc binds the root once more after that, which it then cannot")
    if IS_PEER and word in ("shared", "rshared"):
        pytest.skip("Debian's runc applies it before pivot_root, where the root is no mount of the host's peer group yet")
    tags = root_line(runtime.once("cat", "/proc/self/mountinfo", change=propagation(word)))[6:]
    tags = tags[:tags.index("-")]
    assert all(any(tag.startswith(wanted) for tag in tags) for wanted in has), tags
    assert not any(tag.startswith(unwanted) for tag in tags for unwanted in has_not), tags


@pytest.mark.skipif(IS_PEER, reason="config.md, Extensibility: unsupported values MUST generate an error; crun takes the word")
def test_a_propagation_that_is_none_is_refused(runtime):
    result = runtime.once("true", change=propagation("loud"))
    assert result.code != 0 and "rootfsPropagation \"loud\"" in result.err, result


@pytest.mark.parametrize("word, arrives", [(None, True), ("slave", True), ("private", False)])
def test_mounts_of_the_host_arrive_in_a_slave_and_not_in_a_private_root(runtime, mount, word, arrives):
    if IS_PEER and arrives:
        pytest.skip("config-linux.md, Rootfs Mount Propagation: 'slave: the rootfs mount receives propagation events from the host'; runc makes "
                    "the mount at / alone a slave where the word is given, crun none")
    bundle = runtime.bundle("sleep", "60", change=propagation(word) if word else None)
    # A root file system on a mount that is shared with whoever copies it.
    mount("--bind", bundle.rootfs, bundle.rootfs)
    subprocess.run(["mount", "--make-shared", bundle.rootfs], check=True)
    (bundle.rootfs / "late").mkdir()
    container = runtime.created(bundle=bundle)
    assert runtime("start", container.name).code == 0
    mount("-t", "tmpfs", "late", bundle.rootfs / "late")
    (bundle.rootfs / "late/file").touch()
    seen = container.exec("ls", "/late").out.split()
    assert (seen == ["file"]) == arrives, seen


def test_options_of_a_bind_mount_reach_no_mount_beneath_unless_they_are_recursive(runtime, tree):
    def change(config):
        config["mounts"].append({"destination": "/one", "source": str(tree), "options": ["rbind", "ro"]})
    result = runtime.once("sh", "-c", "touch /one/x 2>/dev/null; touch /one/beneath/x && echo written; ls /one", change=change)
    assert result.out == "written\nbeneath\n", result


@pytest.mark.skipif(IS_PEER, reason="Debian's peers know only some of the recursive words")
@pytest.mark.parametrize("words, shown", [
    (["rro"], "ro"), (["rnosuid"], "nosuid"), (["rnodev"], "nodev"), (["rnoexec"], "noexec"), (["rnoatime"], "noatime"), (["rnodiratime"], "nodiratime"),
    (["rnosymfollow"], "nosymfollow"), (["rro", "rrw"], "rw"), (["rnoatime", "rrelatime"], "relatime"),
])
def test_every_recursive_option_reaches_what_is_beneath(runtime, tree, words, shown):
    mount = {"destination": "/one", "source": str(tree), "options": ["rbind", *words]}
    result = runtime.once("cat", "/proc/self/mountinfo", change=lambda config: config["mounts"].append(mount))
    options = {line.split()[4]: line.split()[5].split(",") for line in result.out.splitlines()}
    assert shown in options["/one"] and shown in options["/one/beneath"], options


@pytest.mark.skipif(IS_PEER, reason="Debian's runc knows no idmap")
@pytest.mark.parametrize("word, owner", [("idmap", "0"), ("ridmap", "1000")])
def test_an_id_mapping_reaches_what_is_beneath_only_when_it_is_recursive(runtime, tree, word, owner):
    mapping = [{"containerID": 0, "hostID": 1000, "size": 10}]
    mount = {"destination": "/one", "source": str(tree), "options": ["rbind", word], "uidMappings": mapping, "gidMappings": mapping}
    result = runtime.once("stat", "-c", "%u", "/one", "/one/beneath", change=lambda config: config["mounts"].append(mount))
    assert result.out.split() == ["1000", owner], result


@pytest.mark.skipif(IS_PEER, reason="Debian's runc knows no idmap")
def test_id_mapping_words_need_mappings(runtime):
    mount = {"destination": "/one", "source": str(runtime.directory), "options": ["bind", "idmap"]}
    result = runtime.once("true", change=lambda config: config["mounts"].append(mount))
    assert result.code != 0 and "idmap" in result.err, result
    mount["uidMappings"] = [{"containerID": 0, "hostID": 1000, "size": 10}]
    result = runtime.once("true", change=lambda config: config["mounts"].append(mount))
    assert result.code != 0 and "must be given together" in result.err, result


@pytest.mark.skipif(IS_PEER, reason="Debian's runc knows no idmap, its successors only for bind mounts")
def test_a_new_file_system_is_id_mapped(runtime):
    mapping = [{"containerID": 0, "hostID": 1000, "size": 10}]
    mount = {"destination": "/one", "type": "tmpfs", "source": "tmpfs", "uidMappings": mapping, "gidMappings": mapping}
    result = runtime.once("stat", "-c", "%u %g", "/one", change=lambda config: config["mounts"].append(mount))
    assert result.out == "1000 1000\n", result


@pytest.mark.skipif(IS_PEER, reason="Debian's runc knows no idmap")
def test_idmap_without_mappings_is_that_of_the_namespace_that_is_joined(runtime):
    holder = subprocess.Popen(["unshare", "-U", "sleep", "60"])
    try:
        wait_until("it is in its namespace", lambda: os.readlink(f"/proc/{holder.pid}/ns/user") != os.readlink("/proc/self/ns/user"))
        for file in ("uid_map", "gid_map"):
            with open(f"/proc/{holder.pid}/{file}", "w") as maps:
                maps.write("0 100000 65536")
        source = runtime.directory / "source"
        source.mkdir()
        (source / "roots").touch()

        def change(config):
            config["linux"]["namespaces"].append({"type": "user", "path": f"/proc/{holder.pid}/ns/user"})
            config["mounts"] = [mount for mount in config["mounts"] if mount["type"] == "proc"]
            config["mounts"].append({"destination": "/one", "source": str(source), "options": ["bind", "idmap"]})
            config["mounts"].append({"destination": "/two", "source": str(source), "options": ["bind"]})
        bundle = runtime.bundle("stat", "-c", "%u", "/one/roots", "/two/roots", change=change)
        for path in (runtime.directory, bundle.path, source):
            path.chmod(0o755)
        for name in ("", "dev", "proc", "sys"):
            os.chown(bundle.rootfs / name, 100000, 100000)
        result = runtime.run("run", "--bundle", bundle.path, runtime.name())
        assert result.out.split() == ["0", "65534"], result
    finally:
        holder.kill()
        holder.wait()
