"""What the specification demands of mounts: each word of its table of options, order, places, id
mappings, propagation of the root (config.md, mounts; config-linux.md, rootfsPropagation)."""

import contextlib
import os
import subprocess

import pytest

from cais_testing import IS_PEER, wait_until


def mount(destination, **entry):
    return lambda config: config["mounts"].append({"destination": destination, **entry})


def lines(text, destination):
    """The lines of a mountinfo about a destination."""
    return [line for line in text.splitlines() if line.split()[4] == destination]


class Line:
    """A mount as mountinfo shows it."""

    def __init__(self, line):
        before, after = line.split(" - ")
        fields = before.split()
        self.identifier, self.parent, self.source = int(fields[0]), int(fields[1]), fields[3]
        self.options = set(fields[5].split(","))
        self.tags = {tag.split(":")[0] for tag in fields[6:]}
        self.type = after.split()[0]
        self.super = set(after.split()[2].split(","))


def mounted(runtime, destination, *changes):
    """The last mount on a destination in a container."""
    def change(config):
        for one in changes:
            one(config)
    result = runtime.once("cat", "/proc/self/mountinfo", change=change)
    assert result.code == 0 and lines(result.out, destination), result
    return Line(lines(result.out, destination)[-1])


@contextlib.contextmanager
def tmpfs_on(path, *options):
    """A tmpfs of the host, with these mount options."""
    path.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", *(["-o", ",".join(options)] if options else []), "tmpfs", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "-R", "-l", path], check=True)


# A word, what a mount has before, what must be there and what must not be.
PROPERTIES = [
    ("ro", [], {"ro"}, {"rw"}), ("rw", ["ro"], {"rw"}, {"ro"}), ("nosuid", [], {"nosuid"}, set()), ("suid", ["nosuid"], set(), {"nosuid"}),
    ("nodev", [], {"nodev"}, set()), ("dev", ["nodev"], set(), {"nodev"}), ("noexec", [], {"noexec"}, set()), ("exec", ["noexec"], set(), {"noexec"}),
    ("noatime", [], {"noatime"}, {"relatime"}), ("atime", ["noatime"], set(), {"noatime"}), ("nodiratime", [], {"nodiratime"}, set()),
    ("diratime", ["nodiratime"], set(), {"nodiratime"}), ("relatime", ["noatime"], {"relatime"}, {"noatime"}),
    ("norelatime", ["relatime"], set(), {"noatime"}), ("strictatime", [], set(), {"relatime", "noatime"}), ("nostrictatime", ["strictatime"], set(), {"noatime"}),
    ("nosymfollow", [], {"nosymfollow"}, set()), ("symfollow", ["nosymfollow"], set(), {"nosymfollow"}),
]
# Those whose effect Debian's runc lacks or has otherwise.
NOT_RUNC = {"rw", "suid", "dev", "exec", "atime", "diratime", "relatime", "norelatime", "nostrictatime", "nosymfollow", "symfollow"}
LAW = "config.md, Linux mount options: 'Runtimes MUST/SHOULD/MAY implement the following option strings for Linux', {!r} among them"


@pytest.mark.parametrize("word,had,has,lacks", PROPERTIES, ids=[entry[0] for entry in PROPERTIES])
def test_a_word_for_a_property_of_a_bind_mount(runtime, word, had, has, lacks):
    if IS_PEER and word in NOT_RUNC:
        pytest.skip(LAW.format(word) + "; runc keeps the flags a mount came with")
    with tmpfs_on(runtime.directory / "data", *had) as data:
        line = mounted(runtime, "/data", mount("/data", type="bind", source=str(data), options=["bind", word]))
    assert has <= line.options and not lacks & line.options, (line.options, word)


@pytest.mark.parametrize("word,had,has,lacks", [entry for entry in PROPERTIES if not entry[0].endswith("symfollow") or not IS_PEER],
                         ids=lambda value: value if isinstance(value, str) else "")
def test_a_word_for_a_property_of_a_new_file_system(runtime, word, had, has, lacks):
    if IS_PEER and word == "relatime":
        pytest.skip(LAW.format(word) + "; runc lets an earlier noatime win")
    # The opposite before it: the later of two words counts.
    line = mounted(runtime, "/data", mount("/data", type="tmpfs", source="tmpfs", options=[*had, word]))
    shown = line.options | (line.super & {"ro"} if word == "ro" else set())
    assert has <= shown and not lacks & line.options, (line.options, word)


@pytest.mark.skipif(IS_PEER, reason="config.md, Linux mount options: the words with an r in front came with 1.1.0; Debian's runc is for 1.0.2")
@pytest.mark.parametrize("word,had,has,lacks", PROPERTIES, ids=["r" + entry[0] for entry in PROPERTIES])
def test_a_recursive_word_reaches_every_mount_beneath(runtime, word, had, has, lacks):
    with tmpfs_on(runtime.directory / "data", *had) as data, tmpfs_on(data / "sub" if "ro" not in had else data, *had) as inner:
        result = runtime.once("cat", "/proc/self/mountinfo", change=mount("/data", type="bind", source=str(data), options=["rbind", "r" + word]))
    places = ["/data", "/data/sub"] if inner != data else ["/data"]
    for place in places:
        line = Line(lines(result.out, place)[-1])
        assert has <= line.options and not lacks & line.options, (place, line.options, word)


def test_a_word_without_r_leaves_the_mounts_beneath(runtime):
    with tmpfs_on(runtime.directory / "data") as data, tmpfs_on(data / "sub"):
        result = runtime.once("cat", "/proc/self/mountinfo", change=mount("/data", type="bind", source=str(data), options=["rbind", "ro", "nosuid"]))
    assert {"ro", "nosuid"} <= Line(lines(result.out, "/data")[-1]).options
    assert not {"ro", "nosuid"} & Line(lines(result.out, "/data/sub")[-1]).options


@pytest.mark.parametrize("words,has,lacks", [
    (["sync"], {"sync"}, set()), (["sync", "async"], set(), {"sync"}), (["dirsync"], {"dirsync"}, set()), (["lazytime"], {"lazytime"}, set()),
    (["lazytime", "nolazytime"], set(), {"lazytime"}), (["iversion"], set(), set()), (["noiversion"], set(), set()), (["silent"], set(), set()),
    (["loud"], set(), set()), (["defaults"], set(), {"ro", "sync"}), (["size=64k", "mode=711", "nr_inodes=100"], {"size=64k", "mode=711", "nr_inodes=100"}, set()),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_a_word_for_a_whole_file_system(runtime, words, has, lacks):
    if IS_PEER and words[-1] in ("lazytime", "nolazytime", "silent", "loud", "iversion", "defaults"):
        pytest.skip(LAW.format(words[-1]) + "; Debian's runc hands it to the file system as data")
    line = mounted(runtime, "/data", mount("/data", type="tmpfs", source="tmpfs", options=words))
    assert has <= line.super and not lacks & line.super, line.super


def test_mand_is_taken_though_the_kernel_has_it_no_more(runtime):
    for words in (["mand"], ["nomand"], ["mand", "nomand"]):
        result = runtime.once("true", change=mount("/data", type="tmpfs", source="tmpfs", options=words))
        # Since 5.15 the kernel ignores mandatory locking, with a word in its log.
        assert result.code == 0, result


def test_an_option_nobody_knows_is_the_file_systems(runtime):
    result = runtime.once("true", change=mount("/data", type="tmpfs", source="tmpfs", options=["nosuchoption=1"]))
    assert result.code != 0 and "/data" in result.err


@pytest.mark.parametrize("word,beneath", [("bind", False), ("rbind", True)])
def test_bind_shows_one_mount_and_rbind_those_beneath(runtime, word, beneath):
    with tmpfs_on(runtime.directory / "data") as data, tmpfs_on(data / "sub"):
        (data / "sub/file").touch()
        result = runtime.once("sh", "-c", "ls /data/sub", change=mount("/data", type="bind", source=str(data), options=[word]))
    assert ("file" in result.out) is beneath, result


def test_the_type_bind_needs_no_word(runtime):
    (runtime.directory / "data").mkdir()
    (runtime.directory / "data/file").touch()
    result = runtime.once("ls", "/data", change=mount("/data", type="bind", source=str(runtime.directory / "data")))
    if IS_PEER and result.code:
        pytest.skip("config.md, type: for bind mounts it is a dummy; runc of this age looks at it")
    assert result.out == "file\n", result


def test_a_bind_mount_of_any_type_is_one(runtime):
    (runtime.directory / "data").mkdir()
    (runtime.directory / "data/file").touch()
    for kind in ("none", "dummy", "bind"):
        assert runtime.once("ls", "/data", change=mount("/data", type=kind, source=str(runtime.directory / "data"), options=["rbind"])).out == "file\n"


def test_remount_changes_what_is_mounted(runtime):
    line = mounted(runtime, "/data", mount("/data", type="tmpfs", source="tmpfs", options=["size=64k"]),
                   mount("/data", type="tmpfs", source="tmpfs", options=["remount", "ro", "nosuid", "size=128k"]))
    assert "ro" in line.options | line.super and {"nosuid"} <= line.options and "size=128k" in line.super, (line.options, line.super)


PROPAGATION = [("private", set()), ("rprivate", set()), ("shared", {"shared"}), ("rshared", {"shared"}), ("slave", {"master"}), ("rslave", {"master"}),
               ("unbindable", {"unbindable"}), ("runbindable", {"unbindable"})]


@pytest.mark.parametrize("word,tags", PROPAGATION)
def test_propagation_of_a_mount(runtime, word, tags):
    with tmpfs_on(runtime.directory / "data") as data, tmpfs_on(data / "sub"):
        for place in (data, data / "sub"):
            subprocess.run(["mount", "--make-shared", place], check=True)

        def propagated(config):
            # So that what the host shares arrives at all.
            config["linux"]["rootfsPropagation"] = "rshared" if "shared" in word else "rslave"
        result = runtime.once("cat", "/proc/self/mountinfo", change=lambda config: (
            propagated(config), mount("/data", type="bind", source=str(data), options=["rbind", word])(config)))
    top, inner = (Line(lines(result.out, place)[-1]) for place in ("/data", "/data/sub"))
    assert tags <= top.tags and not ({"shared", "unbindable"} - tags) & top.tags, (top.tags, word)
    if word.startswith("r"):
        assert tags <= inner.tags and not ({"shared", "unbindable"} - tags) & inner.tags, (inner.tags, word)


def test_every_word_of_the_table_is_among_the_features(runtime):
    words = ("async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev nodiratime noexec noiversion nolazytime nomand "
             "norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime relatime remount rexec rnoatime rnodev rnodiratime rnoexec "
             "rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw "
             "shared silent slave strictatime suid symfollow sync tmpcopyup unbindable idmap ridmap").split()
    if IS_PEER:
        pytest.skip("config.md, Linux mount options, came with 1.1.0; Debian's runc is for 1.0.2")
    import json
    assert set(words) <= set(json.loads(runtime("features").out)["mountOptions"])


# -- order and places ---------------------------------------------------------------------------

def test_mounts_are_made_in_the_order_of_their_list(runtime):
    places = ["/order/z", "/order/a", "/order/m", "/order/a/inner"]
    changes = [mount(place, type="tmpfs", source="tmpfs") for place in places]
    result = runtime.once("cat", "/proc/self/mountinfo", change=lambda config: [change(config) for change in changes])
    assert [line.split()[4] for line in result.out.splitlines() if line.split()[4].startswith("/order")] == places, result


def test_a_later_mount_covers_an_earlier_one(runtime):
    for name in ("first", "second"):
        (runtime.directory / name).mkdir()
        (runtime.directory / name / name).touch()
    changes = [mount("/data", type="bind", source=str(runtime.directory / name), options=["bind"]) for name in ("first", "second")]
    assert runtime.once("ls", "/data", change=lambda config: [change(config) for change in changes]).out == "second\n"


@pytest.mark.parametrize("destination", ["relative", "relative/deep", "./relative", "a/../relative"])
def test_a_relative_destination_counts_from_the_root(runtime, destination):
    result = runtime.once("cat", "/proc/self/mountinfo", change=mount(destination, type="tmpfs", source="marked"))
    expected = "/relative/deep" if destination.endswith("deep") else "/relative"
    assert result.code == 0 and lines(result.out, expected), result


def test_a_destination_that_is_missing_is_made_of_the_right_kind(runtime):
    (runtime.directory / "directory").mkdir()
    (runtime.directory / "file").write_text("content\n")
    changes = [mount("/made/a/directory", type="bind", source=str(runtime.directory / "directory"), options=["bind"]),
               mount("/made/a/file", type="bind", source=str(runtime.directory / "file"), options=["bind"])]
    result = runtime.once("sh", "-c", "[ -d /made/a/directory ] && cat /made/a/file", change=lambda config: [change(config) for change in changes])
    assert result.out == "content\n", result


@pytest.mark.parametrize("kind,expected", [("proc", "proc"), ("sysfs", "sysfs"), ("tmpfs", "tmpfs"), ("devpts", "devpts"), ("mqueue", "mqueue")])
def test_a_file_system_of_each_usual_type(runtime, kind, expected):
    place = "/proc" if kind == "proc" else "/place"
    line = mounted(runtime, place, *([] if kind == "proc" else [mount(place, type=kind, source=kind)]))
    assert line.type == expected


def test_a_mount_without_type_and_source_is_refused(runtime):
    if IS_PEER:
        pytest.skip("config.md, mounts: neither a type nor bind says what to mount; runc of this age guesses")
    assert runtime.once("true", change=mount("/data")).code != 0
    assert runtime.once("true", change=mount("/data", type="bind", options=["bind"])).code != 0


# -- id mappings --------------------------------------------------------------------------------

MAPPINGS = {"uidMappings": [{"containerID": 500, "hostID": 700, "size": 1}], "gidMappings": [{"containerID": 500, "hostID": 800, "size": 1}]}
NEW = "config.md, mounts: uidMappings and gidMappings came with 1.1.0, idmap with 1.2.0; Debian's runc is for 1.0.2"


@pytest.mark.skipif(IS_PEER, reason=NEW)
@pytest.mark.parametrize("word", ["idmap", "ridmap", None])
def test_mappings_of_a_mount_are_its_own(runtime, word):
    with tmpfs_on(runtime.directory / "data") as data, tmpfs_on(data / "sub"):
        for place in (data / "file", data / "sub/file"):
            place.touch()
            os.chown(place, 500, 500)
        change = mount("/data", type="bind", source=str(data), options=["rbind"] + ([word] if word else []), **MAPPINGS)
        result = runtime.once("stat", "-c", "%u %g", "/data/file", "/data/sub/file", change=change)
    top, inner = result.out.splitlines()
    assert top == "700 800", result
    assert (inner == "700 800") is (word == "ridmap"), result


@pytest.mark.skipif(IS_PEER, reason=NEW)
@pytest.mark.parametrize("word", ["idmap", "ridmap"])
def test_idmap_without_mappings_and_user_namespace_is_refused(runtime, word):
    (runtime.directory / "data").mkdir()
    result = runtime.once("true", change=mount("/data", type="bind", source=str(runtime.directory / "data"), options=["bind", word]))
    assert result.code != 0 and "/data" in result.err


@pytest.mark.skipif(IS_PEER, reason=NEW)
@pytest.mark.parametrize("kind", ["uidMappings", "gidMappings"])
def test_the_mappings_of_a_mount_are_given_together(runtime, kind):
    (runtime.directory / "data").mkdir()
    change = mount("/data", type="bind", source=str(runtime.directory / "data"), options=["bind", "idmap"], **{kind: MAPPINGS[kind]})
    result = runtime.once("true", change=change)
    assert result.code != 0 and "/data" in result.err


@pytest.mark.skipif(IS_PEER, reason=NEW)
def test_idmap_without_mappings_takes_those_of_the_user_namespace(runtime):
    data = runtime.directory / "data"
    data.mkdir()
    (data / "file").touch()
    os.chown(data / "file", 5, 6)

    def change(config):
        mount("/data", type="bind", source=str(data), options=["bind", "idmap"])(config)
        config["linux"]["namespaces"].append({"type": "user"})
        config["linux"]["uidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 1000}]
        config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 200000, "size": 1000}]
    bundle = runtime.bundle("stat", "-c", "%u %g", "/data/file", change=change)
    subprocess.run(["chown", "-R", "100000:200000", bundle.rootfs], check=True)
    result = runtime("run", "--bundle", bundle.path, runtime.name())
    assert result.out == "5 6\n", result


# -- propagation of the root --------------------------------------------------------------------

@pytest.mark.parametrize("word,tags", [("private", set()), ("shared", {"shared"}), ("unbindable", {"unbindable"}), (None, set())])
def test_propagation_of_the_root(runtime, word, tags):
    if IS_PEER and word in ("shared", "unbindable"):
        pytest.skip("config-linux.md, rootfsPropagation: 'sets the rootfs's mount propagation'; Debian's runc sets the parent's, or fails")

    def change(config):
        if word:
            config["linux"]["rootfsPropagation"] = word
    line = mounted(runtime, "/", change)
    assert line.tags & {"shared", "master", "unbindable"} == tags, line.tags


@pytest.mark.skipif(IS_PEER, reason="config-linux.md, rootfsPropagation: 'sets the rootfs's mount propagation', to slave here; runc leaves it private")
def test_the_root_is_a_slave_of_what_the_host_shares(runtime):
    with tmpfs_on(runtime.directory / "shared") as place:
        subprocess.run(["mount", "--make-shared", place], check=True)
        bundle = runtime.bundle("cat", "/proc/self/mountinfo", change=lambda config: config["linux"].update(rootfsPropagation="slave"))
        subprocess.run(["cp", "-a", bundle.rootfs, place / "rootfs"], check=True)
        bundle.change(lambda config: config["root"].update(path=str(place / "rootfs")))
        result = runtime("run", "--bundle", bundle.path, runtime.name())
    tags = Line(lines(result.out, "/")[-1]).tags
    assert "master" in tags and "shared" not in tags, result


def test_what_the_host_mounts_arrives_in_a_slave_and_not_in_a_private_one(runtime):
    with tmpfs_on(runtime.directory / "shared") as place:
        subprocess.run(["mount", "--make-shared", place], check=True)
        (place / "late").mkdir()
        containers = {}
        for word in ("rslave", "rprivate"):
            def change(config, word=word):
                mount("/data", type="bind", source=str(place), options=["rbind", word])(config)
                config["linux"]["rootfsPropagation"] = word
            containers[word] = runtime.started("sleep", "1000", change=change)
        with tmpfs_on(place / "late"):
            wait_until("the mount arrives", lambda: lines(open(f"/proc/{containers['rslave'].pid}/mountinfo").read(), "/data/late"))
            assert not lines(open(f"/proc/{containers['rprivate'].pid}/mountinfo").read(), "/data/late")
        for container in containers.values():
            runtime("delete", "--force", container.name)


def test_what_a_container_mounts_does_not_show_outside(runtime):
    def change(config):
        for kind in ("bounding", "effective", "permitted"):
            config["process"]["capabilities"][kind] = config["process"]["capabilities"][kind] + ["CAP_SYS_ADMIN"]
    before = open("/proc/self/mountinfo").read()
    container = runtime.started("sh", "-c", "mkdir /inside && mount -t tmpfs inside /inside && echo mounted && sleep 1000", change=change)
    wait_until("mounted", lambda: "mounted" in container.output())
    assert open("/proc/self/mountinfo").read() == before
