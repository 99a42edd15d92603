"""Images from the real docker client: archives of every kind in, names given and taken, and nothing
left of what is gone or was never whole."""

import bz2
import contextlib
import gzip
import hashlib
import io
import json
import lzma
import os
import shutil
import subprocess
import tarfile
import threading

import pytest

import images
from engine import BIN, wait_until

SHELL = images.busybox_layer


def layer(**files):
    """An uncompressed layer of these files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            images._add(tar, name.replace("__", "/"), data.encode())
    return out.getvalue()


def blobs(engine):
    return sorted(os.listdir(engine.root / "data/content/blobs/sha256"))


def layers(engine):
    return sorted(n for n in os.listdir(engine.root / "data/layers") if n != "empty")


def ingests(engine):
    return os.listdir(engine.root / "data/content/ingest")


def state(engine):
    """All that images leave on disk or in memory."""
    return {"blobs": blobs(engine), "layers": layers(engine), "ingests": ingests(engine), "images": engine.ok("images", "-aq", "--no-trunc")}


@pytest.fixture
def store(engine):
    """The engine, and a check that the test leaves no image behind but those that were there."""
    before = state(engine)
    yield engine
    known = set(before["images"].split())
    for image in set(engine.ok("images", "-aq", "--no-trunc").split()) - known:
        engine.ok("rmi", "-f", image)
    assert state(engine) == before


def load(engine, path):
    return engine.ok("load", "-q", "-i", path)


# --- Loading ---

@pytest.mark.parametrize("compress", [None, gzip.compress, bz2.compress, lzma.compress, "zstd"], ids=["plain", "gzip", "bzip2", "xz", "zstd"])
def test_a_docker_archive_is_loaded_however_it_is_compressed(store, tmp_path, compress):
    path = tmp_path / "image.tar"
    image = images.docker_archive(path, "packed:1", [SHELL(), layer(extra="x")])
    if compress == "zstd":
        path.write_bytes(subprocess.run(["zstd", "-q", "-c", path], capture_output=True, check=True).stdout)
    elif compress:
        path.write_bytes(compress(path.read_bytes()))
    assert load(store, path) == "Loaded image: packed:1"
    assert store.ok("images", "-q", "--no-trunc", "packed") == image
    assert store.ok("run", "--rm", "--network", "none", "packed:1", "cat", "/extra") == "x"


def test_an_archive_without_a_name_is_loaded_by_its_id(store, tmp_path):
    image = images.docker_archive(tmp_path / "image.tar", None, [layer(only="this")])
    assert load(store, tmp_path / "image.tar") == f"Loaded image ID: {image}"


def test_a_name_moves_to_the_image_loaded_last(store, tmp_path):
    old = images.docker_archive(tmp_path / "old.tar", "moving:1", [layer(a="old")])
    new = images.docker_archive(tmp_path / "new.tar", "moving:1", [layer(a="new")])
    load(store, tmp_path / "old.tar")
    load(store, tmp_path / "new.tar")
    assert store.ok("images", "-q", "--no-trunc", "moving:1") == new
    assert store.ok("images", "-q", "--no-trunc", "--filter", "dangling=true") == old


def test_layers_and_blobs_are_shared_between_images(store, tmp_path):
    shared, before = layer(shared="s" * 1000), len(layers(store))
    images.docker_archive(tmp_path / "a.tar", "share-a:latest", [shared, layer(a="a")])
    images.docker_archive(tmp_path / "b.tar", "share-b:latest", [shared, layer(b="b")])
    load(store, tmp_path / "a.tar")
    load(store, tmp_path / "b.tar")
    assert len(layers(store)) == before + 3
    store.ok("rmi", "share-a")
    assert len(layers(store)) == before + 2
    assert store.ok("run", "--rm", "--network", "none", "busybox", "true") == ""
    store.ok("rmi", "share-b")
    assert len(layers(store)) == before


def test_equal_layers_in_one_image_are_mounted_once(store, tmp_path):
    first, second = layer(a="first"), layer(a="second", b="b")
    images.docker_archive(tmp_path / "i.tar", "twice:latest", [SHELL(), first, second, first])
    load(store, tmp_path / "i.tar")
    assert store.ok("run", "--rm", "--network", "none", "twice", "cat", "/a", "/b") == "firstb"


def test_an_image_without_layers_is_loaded(store, tmp_path):
    images.docker_archive(tmp_path / "i.tar", "hollow:latest", [])
    load(store, tmp_path / "i.tar")
    container = store.ok("create", "hollow", "/nothing")
    store.ok("rm", container)


def test_a_hundred_and_twenty_layers_are_one_file_system(store, tmp_path):
    many = [SHELL()] + [layer(**{f"file{n}": str(n), "last": str(n)}) for n in range(120)]
    images.docker_archive(tmp_path / "i.tar", "tall:latest", many)
    load(store, tmp_path / "i.tar")
    assert store.ok("run", "--rm", "--network", "none", "tall", "cat", "/file0", "/file119", "/last") == "0119119"


def test_an_upper_layer_hides_what_it_whites_out(store, tmp_path):
    below, above = layer(d__a="1", d__b="2", o__old="3"), io.BytesIO()
    with tarfile.open(fileobj=above, mode="w") as tar:
        images._add(tar, "d/.wh.a", b"")
        images._add(tar, "o/.wh..wh..opq", b"")
        images._add(tar, "o/new", b"4")
    images.docker_archive(tmp_path / "i.tar", "hides:latest", [SHELL(), below, above.getvalue()])
    load(store, tmp_path / "i.tar")
    assert store.ok("run", "--rm", "--network", "none", "hides", "ls", "/d", "/o").split() == ["/d:", "b", "/o:", "new"]


def test_progress_tells_of_each_layer(store, tmp_path):
    images.docker_archive(tmp_path / "i.tar", "told:latest", [layer(a="a" * 5000), layer(b="b")])
    lines = []
    import http.client
    import socket
    client = http.client.HTTPConnection("localhost")
    client.sock = socket.socket(socket.AF_UNIX)
    client.sock.connect(str(store.socket))
    client.request("POST", "/v1.43/images/load", (tmp_path / "i.tar").read_bytes(), {"Content-Type": "application/x-tar"})
    answer = client.getresponse()
    lines = [json.loads(line) for line in answer.read().splitlines()]
    assert answer.status == 200
    assert sum(line.get("status") == "Loading layer" and "current" in line["progressDetail"] for line in lines) == 2
    assert lines[-1]["stream"] == "Loaded image: told:latest\n"


# --- Image layouts ---

def oci_layout(path, platforms, name="org.example/laid:1", compress=lambda data: data, media="application/vnd.oci.image.layer.v1.tar", omit=()):
    """Writes an image layout with an index of one image for each platform; returns digests by platform."""
    with tarfile.open(path, "w") as tar:
        def add(data, kind, **more):
            digest = hashlib.sha256(data).hexdigest()
            if kind not in omit:
                images._add(tar, f"blobs/sha256/{digest}", data)
            return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data), **more}

        images._add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        manifests, ids = [], {}
        for platform, content in platforms.items():
            system, architecture = platform.split("/")
            config = json.dumps({
                "os": system, "architecture": architecture, "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"]},
                "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(item).hexdigest() for item in content]}}).encode()
            config = add(config, "application/vnd.oci.image.config.v1+json")
            ids[platform] = config["digest"]
            manifest = json.dumps({"schemaVersion": 2, "config": config, "layers": [add(compress(item), media) for item in content]}).encode()
            manifests.append(add(manifest, "application/vnd.oci.image.manifest.v1+json", platform={"os": system, "architecture": architecture}))
        index = add(json.dumps({"schemaVersion": 2, "manifests": manifests}).encode(), "application/vnd.oci.image.index.v1+json")
        index["annotations"] = {"io.containerd.image.name": name} if name else {}
        images._add(tar, "index.json", json.dumps({"schemaVersion": 2, "manifests": [index]}).encode())
    return ids, index["digest"]


@pytest.mark.parametrize("compress", [lambda d: d, gzip.compress, lambda d: subprocess.run(["zstd", "-q", "-c"], input=d, capture_output=True, check=True).stdout],
                         ids=["plain", "gzip", "zstd"])
def test_an_image_layout_is_loaded_for_this_machine(store, tmp_path, compress):
    ids, digest = oci_layout(tmp_path / "l.tar", {"linux/amd64": [SHELL()], "linux/s390x": [layer(other="x")]}, compress=compress)
    assert load(store, tmp_path / "l.tar") == "Loaded image: org.example/laid:1"
    assert store.ok("images", "-q", "--no-trunc", "org.example/laid:1") == ids["linux/amd64"]
    assert store.ok("inspect", "-f", "{{index .RepoDigests 0}}", "org.example/laid:1") == f"org.example/laid@{digest}"
    assert store.ok("run", "--rm", "--network", "none", f"org.example/laid@{digest}", "echo", "by digest") == "by digest"


def test_a_layer_that_is_here_may_be_left_out(store, tmp_path):
    oci_layout(tmp_path / "whole.tar", {"linux/amd64": [layer(a="a")]}, name="org.example/whole:1")
    oci_layout(tmp_path / "part.tar", {"linux/amd64": [layer(a="a")]}, name="org.example/part:1", omit=["application/vnd.oci.image.layer.v1.tar"])
    refused = store.docker("load", "-i", tmp_path / "part.tar")
    assert refused.code != 0
    load(store, tmp_path / "whole.tar")
    load(store, tmp_path / "part.tar")


def test_a_layout_for_another_machine_is_refused(store, tmp_path):
    oci_layout(tmp_path / "l.tar", {"linux/s390x": [layer(a="a")]})
    result = store.docker("load", "-i", tmp_path / "l.tar")
    assert result.code != 0 and "platform linux/amd64" in result.err


@pytest.mark.skipif(not shutil.which("skopeo"), reason="skopeo is not installed")
def test_skopeo_s_layouts_are_loaded(store, tmp_path):
    images.docker_archive(tmp_path / "d.tar", "busybox:latest", [SHELL(), layer(skopeo="yes")])
    subprocess.run(["skopeo", "copy", "-q", "--insecure-policy", f"docker-archive:{tmp_path}/d.tar", f"oci-archive:{tmp_path}/o.tar:skopeo/made:1"], check=True)
    assert load(store, tmp_path / "o.tar") == "Loaded image: skopeo/made:1"
    assert store.ok("run", "--rm", "--network", "none", "skopeo/made:1", "cat", "/skopeo") == "yes"


# --- Bad archives: a clear word, and nothing left ---

def bad(tmp_path, case):
    path = tmp_path / f"{case}.tar"
    if case == "text":
        path.write_text("not an archive\n" * 50)
    elif case == "empty":
        path.write_bytes(b"")
    elif case == "no manifest":
        path.write_bytes(layer(file="x"))
    elif case == "truncated":
        images.docker_archive(path, "bad:latest", [SHELL()])
        path.write_bytes(path.read_bytes()[:1_000_000])
    elif case == "truncated gzip":
        images.docker_archive(path, "bad:latest", [SHELL()])
        path.write_bytes(gzip.compress(path.read_bytes())[:500_000])
    elif case == "escaping layer":
        images.docker_archive(path, "bad:latest", [layer(ok="x"), layer(**{"..__..__evil": "x"})])
    elif case == "escaping entry":
        path.write_bytes(layer(**{"..__evil": "x", "manifest.json": "[]"}))
    elif case == "wrong diff id":
        images.docker_archive(path, "bad:latest", [layer(a="a")])
        data = path.read_bytes()
        path.write_bytes(data.replace(b"made for a test", b"made for a tesT").replace(hashlib.sha256(layer(a="a")).hexdigest().encode(), b"0" * 64))
    elif case == "broken json":
        path.write_bytes(layer(**{"manifest.json": '[{"Config":'}))
    elif case == "huge manifest":
        path.write_bytes(layer(**{"manifest.json": "[" + " " * (9 << 20) + "]"}))
    elif case == "layer is no tar":
        images.docker_archive(path, "bad:latest", [b"this is no tar" * 100])
    elif case == "windows":
        images.docker_archive(path, "bad:latest", [layer(a="a")])
        path.write_bytes(path.read_bytes().replace(b'"os": "linux"', b'"os": "winXY"'))
    elif case == "missing layer":
        config = json.dumps({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]}})
        path.write_bytes(layer(**{"c.json": config, "manifest.json": json.dumps([{"Config": "c.json", "RepoTags": ["bad:1"], "Layers": ["gone.tar"]}])}))
    return path


BAD = {
    "text": "no tar archive", "empty": "empty", "no manifest": "neither manifest.json nor index.json", "truncated": "runcated",
    "truncated gzip": "runcated", "escaping layer": "leads outside the root", "escaping entry": "leads outside the root",
    "wrong diff id": "invalid diffID", "broken json": "manifest.json", "huge manifest": "more than", "layer is no tar": "no tar archive",
    "windows": "cannot load winXY image", "missing layer": "lacks layer gone.tar",
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_archive_is_refused_in_clear_words_and_leaves_nothing(store, tmp_path, case):
    before = state(store)
    result = store.docker("load", "-i", bad(tmp_path, case))
    assert result.code != 0 and BAD[case] in result.err, result
    assert state(store) == before


def test_a_client_that_vanishes_half_way_leaves_nothing(store, tmp_path):
    import socket
    before = state(store)
    images.docker_archive(tmp_path / "i.tar", "half:latest", [SHELL()])
    data = (tmp_path / "i.tar").read_bytes()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(store.socket))
        client.sendall(b"POST /images/load HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(data) + data[:len(data) // 2])
    wait_until("nothing is left", lambda: state(store) == before)


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, busybox_archive):
    """On a file system of 12 MB of its own, which the images do not fit on."""
    from engine import Engine
    engine = Engine()
    (engine.root / "data").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", engine.root / "data"], check=True)
    try:
        engine.start()
        engine.ok("load", "-q", "-i", busybox_archive)
        before = state(engine)
        images.docker_archive(tmp_path / "big.tar", "big:latest", [layer(big="x" * 9_000_000)])
        result = engine.docker("load", "-i", tmp_path / "big.tar")
        assert result.code != 0 and "No space left on device" in result.err, result
        result = engine.docker("import", "-", "big", input=layer(big="x" * 9_000_000))
        assert result.code != 0 and "No space left on device" in result.err, result
        assert state(engine) == before
        assert engine.ok("run", "--rm", "--network", "none", "busybox", "echo", "still works") == "still works"
    finally:
        engine.close()


# --- Import ---

def test_a_root_file_system_is_imported_with_changes(store):
    done = store.docker("import", "-c", 'CMD ["cat", "/from"]', "-c", "ENV A=1 B='two words'", "-c", "LABEL made=here", "-m", "a remark", "-", "brought:1",
                        input=gzip.compress(SHELL()))
    assert done.code == 0 and done.out.startswith("sha256:"), done
    told = json.loads(store.ok("inspect", "brought:1"))[0]
    assert told["Id"] == done.out.strip()
    assert told["Config"]["Cmd"] == ["cat", "/from"] and told["Config"]["Env"] == ["A=1", "B=two words"] and told["Config"]["Labels"] == {"made": "here"}
    assert told["Comment"] == "a remark" and len(told["RootFS"]["Layers"]) == 1
    assert store.ok("run", "--rm", "--network", "none", "brought:1", "sh", "-c", 'echo "$B"') == "two words"


def test_an_import_that_cannot_work_is_refused(store):
    before = state(store)
    for arguments, data, message in [
        (["-", "x:1"], b"no tar at all" * 100, "no tar archive"), (["-c", "RUN evil", "-", "x:1"], layer(a="a"), "RUN"),
        (["-", "UPPER:1"], layer(a="a"), "lowercase"), (["-", "x:1"], layer(**{"..__evil": "x"}), "leads outside the root"),
    ]:
        result = store.docker("import", *arguments, input=data)
        assert result.code != 0 and message in result.err, result
    assert state(store) == before


# --- Names ---

def test_an_image_is_found_by_every_name_it_has(store, tmp_path):
    image = images.docker_archive(tmp_path / "i.tar", "found:1", [layer(a="found")])
    load(store, tmp_path / "i.tar")
    store.ok("tag", "found:1", "localhost:5000/team/found")
    hexadecimal = image.removeprefix("sha256:")
    for name in ["found:1", "docker.io/library/found:1", "localhost:5000/team/found:latest", image, hexadecimal, hexadecimal[:12], "sha256:" + hexadecimal[:9]]:
        assert store.ok("inspect", "-f", "{{.Id}}", name) == image
    told = json.loads(store.ok("inspect", image))[0]
    assert told["RepoTags"] == ["found:1", "localhost:5000/team/found:latest"]


@pytest.mark.parametrize("name,message", [
    ("nothing", "No such image: nothing:latest"), ("nothing:1", "No such image: nothing:1"), ("sha256:" + "0" * 64, "No such image: sha256:" + "0" * 64)])
def test_a_missing_image_is_named(engine, name, message):
    assert message in engine.docker("image", "inspect", name).err
    assert message in engine.docker("rmi", name).err


def test_tags_that_are_none_are_refused(store):
    assert "invalid" in store.docker("tag", "busybox", "UPPER").err
    assert "No such image" in store.docker("tag", "nothing", "something").err


# --- Listing ---

def test_a_listing_can_be_filtered(store, tmp_path):
    for number, year in [(1, 2001), (2, 2002), (3, 2003)]:
        path = tmp_path / f"{number}.tar"
        images.docker_archive(path, f"listed:{number}", [layer(a=str(number))], Labels={"number": str(number), "all": "yes"})
        # The archive's own time, in place of the one all test images have: same length, same archive.
        data = path.read_bytes().replace(b"2024-01-02", b"%d-01-02" % year)
        path.write_bytes(data)
        load(store, path)

    def listed(*filters):
        arguments = [part for item in filters for part in ("--filter", item)]
        return store.ok("images", "--format", "{{.Repository}}:{{.Tag}}", *arguments).split()

    assert listed("reference=listed") == ["listed:3", "listed:2", "listed:1"]
    assert listed("reference=list*:2") == ["listed:2"]
    assert listed("label=number=2") == ["listed:2"] and len(listed("label=all")) == 3
    assert listed("before=listed:2") == ["listed:1"]
    assert listed("since=listed:2", "label=all") == ["listed:3"]
    assert "listed:1" not in listed("dangling=true")
    assert "No such image" in store.docker("images", "--filter", "before=nothing").err
    assert "invalid filter" in store.docker("images", "--filter", "nonsense=1").err


def test_the_python_client_reads_the_listing_and_the_history(store, tmp_path):
    image = images.docker_archive(tmp_path / "i.tar", "sdk:1", [layer(a="12345"), layer(b="123")])
    with (tmp_path / "i.tar").open("rb") as file:
        loaded = store.sdk().images.load(file)
    assert [item.id for item in loaded] == [image] and loaded[0].tags == ["sdk:1"]
    summary = next(item for item in store.sdk().api.images() if item["Id"] == image)
    assert summary["Size"] == 8 and summary["Containers"] == -1
    steps = store.sdk().api.history("sdk:1")
    assert [step["Size"] for step in steps] == [3, 5] and steps[0]["Id"] == image and steps[0]["Tags"] == ["sdk:1"]


# --- Removing ---

def test_names_go_first_and_the_image_with_the_last(store, tmp_path):
    image = images.docker_archive(tmp_path / "i.tar", "going:1", [layer(a="going")])
    load(store, tmp_path / "i.tar")
    store.ok("tag", "going:1", "going:2")
    assert store.ok("rmi", "going:1").splitlines() == ["Untagged: going:1"]
    lines = store.ok("rmi", "going:2").splitlines()
    assert lines[0] == "Untagged: going:2" and lines[1] == f"Deleted: {image}" and len(lines) == 3


def test_an_id_with_names_in_several_repositories_must_be_forced(store, tmp_path):
    image = images.docker_archive(tmp_path / "i.tar", "many:1", [layer(a="many")])
    load(store, tmp_path / "i.tar")
    store.ok("tag", "many:1", "other:1")
    result = store.docker("rmi", image)
    assert result.code != 0 and f"conflict: unable to delete {image[7:19]} (must be forced) - image is referenced in multiple repositories" in result.err
    assert "Untagged: other:1" in store.ok("rmi", "-f", image)


def test_an_image_in_use_is_kept(store, tmp_path):
    image = images.docker_archive(tmp_path / "i.tar", "used:1", [SHELL(), layer(used="1")])
    load(store, tmp_path / "i.tar")
    container = store.ok("run", "-d", "--network", "none", "used:1", "sleep", "600")
    try:
        result = store.docker("rmi", "used:1")
        expected = f'conflict: unable to remove repository reference "used:1" (must force) - container {container[:12]} is using its referenced image {image[7:19]}'
        assert result.code != 0 and expected in result.err, result
        result = store.docker("rmi", "-f", image)
        assert result.code != 0 and f"(cannot be forced) - image is being used by running container {container[:12]}" in result.err, result
        assert store.ok("rmi", "-f", "used:1") == "Untagged: used:1"
        store.ok("kill", container)
        result = store.docker("rmi", image)
        assert result.code != 0 and f"(must be forced) - image is being used by stopped container {container[:12]}" in result.err, result
        store.ok("rmi", "-f", image)
        # The container's own layers stay for it.
        store.ok("start", container)
        assert store.ok("exec", container, "cat", "/used") == "1"
    finally:
        store.ok("rm", "-f", container)


def test_a_prune_takes_what_has_no_name(store, tmp_path):
    kept = images.docker_archive(tmp_path / "kept.tar", "kept:1", [layer(a="kept")])
    gone = images.docker_archive(tmp_path / "gone.tar", None, [layer(a="gone" * 100)])
    load(store, tmp_path / "kept.tar")
    load(store, tmp_path / "gone.tar")
    out = store.ok("image", "prune", "-f")
    assert gone in out and kept not in out
    assert store.ok("images", "-q", "--no-trunc", "kept") == kept


def test_events_tell_what_happened(store, tmp_path):
    import time
    since = time.time() - 1
    image = images.docker_archive(tmp_path / "i.tar", "told:1", [layer(a="told")])
    load(store, tmp_path / "i.tar")
    store.ok("tag", "told:1", "told:2")
    store.ok("rmi", "told:1", "told:2")
    lines = store.ok("events", "--since", str(since), "--until", str(time.time() + 0.1), "--filter", "type=image", "--format", "{{.Action}} {{.Actor.ID}}").splitlines()
    assert [line.split()[0] for line in lines if image in line] == ["load", "tag", "untag", "untag", "delete"]


# --- Crashes ---

def children(pid):
    """The children of all of a process's threads."""
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/task/{thread}/children") as file:
            found += file.read().split()
    return found


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_images_are_there_after_the_daemon_was_killed(fresh_engine, tmp_path):
    engine = fresh_engine
    images.docker_archive(tmp_path / "i.tar", "durable:1", [layer(a="durable")])
    load(engine, tmp_path / "i.tar")
    before = state(engine)
    engine.kill()
    (engine.root / "data/layers/tmp-left/fs").mkdir(parents=True)
    (engine.root / "data/content/ingest/stage-left").mkdir()
    (engine.root / "data/content/blobs/sha256" / ("0" * 64)).write_bytes(b"an orphan")
    (engine.root / "data/layers" / ("0" * 64)).mkdir()
    engine.start()
    assert state(engine) == before


def test_a_daemon_killed_while_loading_leaves_nothing(fresh_engine, tmp_path):
    engine = fresh_engine
    before = state(engine)
    images.docker_archive(tmp_path / "big.tar", "big:1", [layer(big="x" * 60_000_000)])
    for _ in range(4):
        client = engine.popen("docker", "load", "-q", "-i", tmp_path / "big.tar")
        wait_until("something is written", lambda: ingests(engine) or layers(engine) != before["layers"] or client.poll() is not None)
        workers = children(engine.process.pid)
        engine.kill()
        client.communicate()
        engine.start()
        wait_until("no worker is left", lambda: not any(is_alive(pid) for pid in workers))
        after = state(engine)
        assert after == before or "big:1" in engine.ok("images", "--format", "{{.Repository}}:{{.Tag}}"), after
        assert not after["ingests"]


def test_one_damaged_image_does_not_keep_the_engine_from_starting(fresh_engine, tmp_path):
    engine = fresh_engine
    image = images.docker_archive(tmp_path / "i.tar", "damaged:1", [layer(a="damaged")])
    load(engine, tmp_path / "i.tar")
    engine.kill()
    (engine.root / "data/content/blobs/sha256" / image[7:]).write_text("rot")
    engine.start()
    assert engine.ok("run", "--rm", "--network", "none", "busybox", "echo", "well") == "well"
    assert "No such image" in engine.docker("inspect", "--type", "image", "damaged:1").err
    assert image[7:] in engine.log_text()
    load(engine, tmp_path / "i.tar")
    assert engine.ok("images", "-q", "--no-trunc", "damaged:1") == image


def test_images_outlive_their_records(fresh_engine, tmp_path):
    """With the records destroyed the images are there still, by their IDs: nothing is taken for an orphan."""
    engine = fresh_engine
    image = engine.ok("images", "-q", "--no-trunc", "busybox")
    engine.kill()
    for name in os.listdir(engine.root / "data"):
        if name.startswith("cais.db-"):
            os.unlink(engine.root / "data" / name)
    (engine.root / "data/cais.db").write_bytes(b"no database " * 1000)
    engine.start()
    assert engine.ok("images", "-aq", "--no-trunc") == image
    assert engine.ok("run", "--rm", "--network", "none", image, "echo", "found again") == "found again"
    engine.kill()
    engine.start()
    assert engine.ok("images", "-aq", "--no-trunc") == image


def test_loads_at_the_same_time_do_not_disturb_each_other(store, tmp_path):
    shared = layer(shared="s" * 100_000)
    for number in range(6):
        images.docker_archive(tmp_path / f"{number}.tar", f"parallel:{number}", [shared, layer(own=str(number))])
    results = {}

    def run(number):
        results[number] = store.docker("load", "-q", "-i", tmp_path / f"{number}.tar")

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(result.code == 0 for result in results.values()), results
    assert len(store.ok("images", "-q", "parallel").split()) == 6
