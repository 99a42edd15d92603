"""Layers from people who mean harm, and layers that are merely odd: the worker that unpacks them is
driven directly, as the daemon drives it, and what it leaves on disk is looked at."""

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import pathlib
import stat
import struct
import subprocess
import tarfile

import pytest

from engine import BIN, wait_until

CAISD = BIN / "caisd"


class Unpacked:
    """What became of a layer."""

    def __init__(self, root, code, report):
        self.root, self.code = root, code
        self.report = report

    @property
    def layer(self):
        assert "layer" in self.report, self.report
        return self.report["layer"]

    @property
    def error(self):
        assert "error" in self.report, self.report
        assert self.code != 0
        return self.report["error"]["message"]

    def __truediv__(self, name):
        return self.root / name


def start(root, stdin, mode="layer"):
    """Starts a worker on `root` as the daemon does: the archive on 0, the report on 1, the target on 3."""
    return subprocess.Popen(
        ["sh", "-c", 'exec "$0" unpack-worker "$1" 3<"$2"', str(CAISD), mode, str(root)],
        stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={})


@pytest.fixture
def unpack(tmp_path):
    """A function that unpacks a layer's bytes into an empty root and returns what became of it."""
    count = 0

    def run(blob):
        nonlocal count
        count += 1
        root = tmp_path / f"root{count}"
        root.mkdir()
        archive = tmp_path / f"blob{count}"
        archive.write_bytes(blob)
        with archive.open("rb") as source:
            worker = start(root, source)
            out, _ = worker.communicate(timeout=120)
        lines = [json.loads(line) for line in out.splitlines()]
        assert lines, f"the worker said nothing and ended with {worker.returncode}"
        return Unpacked(root, worker.returncode, lines[-1])

    return run


def entry(name, kind=tarfile.REGTYPE, data=b"", mode=0o644, link="", uid=0, gid=0, mtime=1_000_000_000, major=0, minor=0, pax=None):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname, info.uid, info.gid, info.mtime = kind, mode, link, uid, gid, mtime
    info.devmajor, info.devminor = major, minor
    info.pax_headers = pax or {}
    info.size = len(data)
    return info, data


def directory(name, mode=0o755, **more):
    return entry(name, tarfile.DIRTYPE, mode=mode, **more)


def link(name, target):
    return entry(name, tarfile.SYMTYPE, link=target, mode=0o777)


def hard(name, target):
    return entry(name, tarfile.LNKTYPE, link=target)


def tar(*entries, form=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form, encoding="utf-8", errors="surrogateescape") as archive:
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def header(name, kind, size, prefix=b""):
    """One ustar header by hand, for what tarfile refuses to write."""
    block = bytearray(512)
    block[0:len(name)] = name
    block[100:108], block[108:116], block[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    block[124:136] = b"%011o\0" % size if size < 8 ** 11 else b"\x80" + size.to_bytes(11, "big")
    block[136:148], block[156:157], block[257:265] = b"00000000000\0", kind, b"ustar\x0000"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(data):
    return data + bytes(-len(data) % 512)


# --- What a layer is ---

def test_a_layer_is_unpacked_with_owners_modes_and_times(unpack):
    blob = tar(
        directory("etc", mode=0o750, uid=5, gid=6, mtime=1_234_567_890),
        entry("etc/file", data=b"hello", mode=0o4755, uid=1000, gid=2000, mtime=1_222_222_222),
        link("etc/link", "file"), hard("etc/hard", "etc/file"))
    done = unpack(blob)
    assert done.layer == {"diffID": "sha256:" + hashlib.sha256(blob).hexdigest(), "size": 5, "entries": 4, "streamBytes": len(blob)}
    file, folder = os.lstat(done / "etc/file"), os.lstat(done / "etc")
    assert (file.st_uid, file.st_gid, stat.S_IMODE(file.st_mode), file.st_mtime) == (1000, 2000, 0o4755, 1_222_222_222)
    assert (folder.st_uid, folder.st_gid, stat.S_IMODE(folder.st_mode), folder.st_mtime) == (5, 6, 0o750, 1_234_567_890)
    assert os.readlink(done / "etc/link") == "file"
    assert os.lstat(done / "etc/hard").st_ino == file.st_ino


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout


@pytest.mark.parametrize("compress", [lambda d: d, gzip.compress, bz2.compress, lzma.compress, zstd], ids=["none", "gzip", "bzip2", "xz", "zstd"])
def test_compression_does_not_change_the_diff_id(unpack, compress):
    blob = tar(entry("file", data=os.urandom(300_000)))
    done = unpack(compress(blob))
    assert done.layer["diffID"] == "sha256:" + hashlib.sha256(blob).hexdigest()
    assert (done / "file").stat().st_size == 300_000


def test_members_of_one_gzip_file_are_one_stream(unpack):
    blob = tar(entry("file", data=b"x" * 10_000))
    assert unpack(gzip.compress(blob[:700]) + gzip.compress(blob[700:])).layer["streamBytes"] == len(blob)


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT], ids=["pax", "gnu"])
def test_names_are_bytes(unpack, form):
    long = "d/" + "n" * 200
    done = unpack(tar(entry("grüße-☃", data=b"a"), entry("latin-\udce9", data=b"b"), entry(long, data=b"c"), form=form))
    assert done.layer["entries"] == 3
    assert (done / "grüße-☃").read_bytes() == b"a"
    assert (done / long).read_bytes() == b"c"
    if form == tarfile.GNU_FORMAT:
        assert b"latin-\xe9" in os.listdir(os.fsencode(done.root))


def test_an_empty_tar_is_an_empty_layer(unpack):
    done = unpack(bytes(1024))
    assert done.layer["entries"] == 0 and os.listdir(done.root) == []


def test_a_later_entry_of_the_same_name_wins(unpack):
    done = unpack(tar(
        entry("a", data=b"one"), entry("a", data=b"two"),
        directory("d"), entry("d/inside", data=b"x"), entry("d", data=b"now a file"),
        entry("f", data=b"file"), directory("f"), entry("f/inside", data=b"y"),
        directory("kept"), entry("kept/x", data=b"z"), directory("kept", mode=0o700)))
    assert (done / "a").read_bytes() == b"two"
    assert (done / "d").read_bytes() == b"now a file"
    assert (done / "f/inside").read_bytes() == b"y"
    assert (done / "kept/x").read_bytes() == b"z" and stat.S_IMODE((done / "kept").stat().st_mode) == 0o700


def test_missing_directories_are_made_and_files_in_their_place_replaced(unpack):
    done = unpack(tar(entry("no/such/dir/file", data=b"1"), entry("plain", data=b"2"), entry("plain/child", data=b"3")))
    assert (done / "no/such/dir/file").read_bytes() == b"1"
    assert (done / "plain/child").read_bytes() == b"3"


def test_devices_and_fifos_are_made_and_never_opened(unpack):
    done = unpack(tar(
        entry("null", tarfile.CHRTYPE, major=1, minor=3), entry("disk", tarfile.BLKTYPE, major=8, minor=0),
        entry("etc/passwd", tarfile.FIFOTYPE), entry("etc/passwd", data=b"root"), entry("pipe", tarfile.FIFOTYPE)))
    null, disk = os.lstat(done / "null"), os.lstat(done / "disk")
    assert stat.S_ISCHR(null.st_mode) and (os.major(null.st_rdev), os.minor(null.st_rdev)) == (1, 3)
    assert stat.S_ISBLK(disk.st_mode) and (os.major(disk.st_rdev), os.minor(disk.st_rdev)) == (8, 0)
    assert (done / "etc/passwd").read_bytes() == b"root"
    assert stat.S_ISFIFO(os.lstat(done / "pipe").st_mode)


def test_the_entry_of_the_root_dresses_the_root(unpack):
    done = unpack(tar(directory("./", mode=0o711, uid=7)))
    root = os.lstat(done.root)
    assert (stat.S_IMODE(root.st_mode), root.st_uid) == (0o711, 7)


# --- Whiteouts ---

def is_whiteout(path):
    status = os.lstat(path)
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def is_opaque(path):
    try:
        return os.getxattr(path, "trusted.overlay.opaque") == b"y"
    except OSError:
        return False


def test_whiteouts_become_overlayfs_s_own(unpack):
    done = unpack(tar(entry("gone/.wh.file"), entry(".wh.top"), entry("hidden/.wh..wh..opq"), entry("hidden/new", data=b"n")))
    assert is_whiteout(done / "gone/file") and is_whiteout(done / "top")
    assert is_opaque(done / "hidden") and (done / "hidden/new").read_bytes() == b"n"
    assert not any(name.startswith(".wh.") for name in os.listdir(done.root) + os.listdir(done / "hidden"))


def test_a_whiteout_says_nothing_of_its_own_layer(unpack):
    done = unpack(tar(
        entry("file", data=b"kept"), entry(".wh.file"),
        directory("dir"), entry("dir/x", data=b"x"), entry(".wh.dir"),
        entry(".wh.later"), directory("later"), entry(".wh.again"), entry("again", data=b"back")))
    assert (done / "file").read_bytes() == b"kept"
    assert (done / "dir/x").read_bytes() == b"x" and is_opaque(done / "dir")
    assert (done / "later").is_dir() and is_opaque(done / "later")
    assert (done / "again").read_bytes() == b"back"


@pytest.mark.parametrize("name", [".wh.", ".wh..", ".wh...", "d/.wh..", "d/.wh...", "d/.wh."])
def test_a_whiteout_of_its_own_directory_or_of_the_one_above_is_refused(unpack, name):
    assert "whiteout" in unpack(tar(directory("d"), entry(name))).error


def test_metadata_of_an_older_union_file_system_is_passed_over(unpack):
    done = unpack(tar(directory(".wh..wh.plnk"), entry(".wh..wh.plnk/1.2", data=b"x"), entry(".wh..wh.aufs"), entry("real", data=b"r")))
    assert os.listdir(done.root) == ["real"]


def test_a_thing_in_a_whiteout_s_directory_is_refused(unpack):
    assert "whiteout" in unpack(tar(entry(".wh.a/b", data=b"x"))).error


# --- Leaving the root ---

@pytest.fixture
def outside(tmp_path):
    """A directory beside the root whose content must not change."""
    place = tmp_path / "outside"
    place.mkdir()
    (place / "secret").write_text("untouched")
    yield place
    assert sorted(os.listdir(place)) == ["secret"] and (place / "secret").read_text() == "untouched"


@pytest.mark.parametrize("name", ["../evil", "../outside/secret", "a/../../evil", "./../evil", "d/../../../../../../tmp/evil", ".."])
def test_a_name_that_leads_out_is_refused(unpack, outside, name):
    assert "leads outside the root" in unpack(tar(directory("d"), entry(name, data=b"evil"))).error


def test_an_absolute_name_means_the_layer_s_root(unpack, outside):
    done = unpack(tar(entry(f"{outside}/secret", data=b"evil")))
    assert pathlib.Path(str(done.root) + f"{outside}/secret").read_bytes() == b"evil"


def test_dots_inside_the_root_are_taken_as_text(unpack):
    assert (unpack(tar(directory("a"), entry("a/../b", data=b"x"))) / "b").read_bytes() == b"x"


@pytest.mark.parametrize("target", ["{outside}", "../outside", "../../../../../../../../{outside}", "/proc/self/cwd", "/proc/1/root"])
def test_writing_through_a_link_stays_inside(unpack, outside, target):
    """The link points out, or to the same path inside the layer, which is not there."""
    done = unpack(tar(link("way", target.format(outside=outside)), entry("way/secret", data=b"evil")))
    assert "leads to no directory" in done.error


def test_a_link_to_the_root_s_parent_is_the_root(unpack, outside):
    done = unpack(tar(link("up", "../../../.."), entry("up/file", data=b"inside")))
    assert (done / "file").read_bytes() == b"inside"


def test_links_inside_the_layer_are_followed(unpack):
    done = unpack(tar(directory("usr/lib"), link("lib", "usr/lib"), entry("lib/a", data=b"1"), link("abs", "/usr/lib"), entry("abs/b", data=b"2")))
    assert (done / "usr/lib/a").read_bytes() == b"1" and (done / "usr/lib/b").read_bytes() == b"2"
    assert (done / "lib").is_symlink() and (done / "abs").is_symlink()


@pytest.mark.parametrize("over", [
    lambda name: entry(name, data=b"evil"), lambda name: directory(name), lambda name: entry(name, tarfile.FIFOTYPE),
    lambda name: entry(name, tarfile.CHRTYPE, major=1, minor=3)], ids=["file", "directory", "fifo", "device"])
def test_a_link_is_replaced_not_followed(unpack, outside, over):
    done = unpack(tar(link("name", f"{outside}/secret"), over("name"), link("dir", str(outside)), over("dir")))
    assert done.layer["entries"] == 4
    assert not (done / "name").is_symlink() and not (done / "dir").is_symlink()


def test_metadata_of_a_link_is_not_its_target_s(unpack, outside):
    before = os.stat(outside / "secret")
    info, data = link("name", f"{outside}/secret")
    info.uid, info.mode = 4242, 0o7777
    done = unpack(tar((info, data), link("name2", "/etc")))
    assert os.lstat(done / "name").st_uid == 4242
    after = os.stat(outside / "secret")
    assert (before.st_uid, before.st_mode, before.st_mtime_ns) == (after.st_uid, after.st_mode, after.st_mtime_ns)


@pytest.mark.parametrize("target", ["../outside/secret", "/etc/passwd", "{outside}/secret", "way/secret", "missing", "."])
def test_a_hard_link_s_target_is_inside_or_refused(unpack, outside, target):
    done = unpack(tar(link("way", str(outside)), hard("name", target.format(outside=outside))))
    assert done.error
    assert os.stat(outside / "secret").st_nlink == 1 and not (done / "name").exists()


def test_a_hard_link_to_a_link_is_the_link(unpack, outside):
    done = unpack(tar(link("soft", f"{outside}/secret"), hard("name", "soft"), entry("name", data=b"evil")))
    assert (done / "name").read_bytes() == b"evil"


def test_a_hard_link_is_not_written_through(unpack):
    done = unpack(tar(entry("a", data=b"first"), hard("b", "a"), entry("b", data=b"second"), hard("a", "a")))
    assert (done / "a").read_bytes() == b"first" and (done / "b").read_bytes() == b"second"


def test_a_hard_link_to_a_directory_is_refused(unpack):
    assert "directory" in unpack(tar(directory("d"), hard("name", "d"))).error


def test_a_whiteout_through_a_link_stays_inside(unpack, outside):
    assert "leads to no directory" in unpack(tar(link("way", str(outside)), entry("way/.wh.secret"))).error
    assert "leads to no directory" in unpack(tar(link("way", str(outside)), entry("way/.wh..wh..opq"))).error
    assert not is_opaque(outside)


def test_links_in_a_circle_end(unpack):
    assert "leads to no directory" in unpack(tar(link("a", "b"), link("b", "a"), entry("a/file", data=b"x"))).error


# --- Attributes ---

def test_attributes_that_speak_to_the_kernel_are_dropped(unpack):
    bad = {f"SCHILY.xattr.{name}": "y" for name in (
        "trusted.overlay.opaque", "trusted.overlay.redirect", "trusted.overlay.metacopy", "trusted.overlay.overlay.opaque",
        "user.overlay.opaque", "user.overlay.redirect", "trusted.other", "security.selinux")}
    done = unpack(tar(directory("d", pax=bad), entry("f", data=b"x", pax=bad), directory("./", pax=bad)))
    for name in ("d", "f", "."):
        assert os.listxattr(done / name) == []


def test_attributes_that_images_need_are_kept(unpack):
    capability = struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0)
    done = unpack(tar(
        entry("ping", data=b"x", uid=0, mode=0o755, pax={
            "SCHILY.xattr.security.capability": capability.decode("utf-8", "surrogateescape"), "SCHILY.xattr.user.note": "kept"})))
    assert os.getxattr(done / "ping", "user.note") == b"kept"
    assert os.getxattr(done / "ping", "security.capability") == capability


# --- Too much ---

def test_a_name_that_is_too_long_is_refused(unpack):
    assert "longer than 255 bytes" in unpack(tar(entry("n" * 256))).error
    assert "longer than 4095 bytes" in unpack(tar(entry("/".join(["n" * 100] * 50)))).error


def test_five_thousand_levels_are_refused(unpack):
    assert "longer than 4095 bytes" in unpack(tar(directory("a/" * 5000))).error
    assert "256 directories deep" in unpack(tar(directory("a/" * 300))).error


def test_levels_hidden_behind_links_are_counted(unpack):
    """Each link makes a short name for a deep place; the next levels are made from there."""
    deep = "/".join(["d"] * 200)
    entries = [directory(deep), link("l1", deep)]
    for step in range(1, 30):
        entries += [directory(f"l{step}/{deep}"), link(f"l{step + 1}", f"l{step}/{deep}")]
    done = unpack(tar(*entries))
    assert "256 directories deep" in done.error


def test_a_huge_pax_header_is_refused(unpack):
    body = b"x" * (200 << 20)
    record = b"%d path=%s\n" % (len(body) + 16, body)
    blob = gzip.compress(header(b"pax", b"x", len(record)) + padded(record) + header(b"file", b"0", 0) + bytes(1024), 1)
    assert unpack(blob).error


def test_a_huge_gnu_long_name_is_refused(unpack):
    body = b"x" * (200 << 20)
    blob = gzip.compress(header(b"././@LongLink", b"L", len(body)) + padded(body) + header(b"file", b"0", 0) + bytes(1024), 1)
    assert unpack(blob).error


def test_a_gzip_bomb_is_refused(unpack):
    class Zeros:
        pass
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1) as stream:
        stream.write(tar(entry("small", data=b"x")))
        block = bytes(16 << 20)
        for _ in range(110):
            stream.write(block)
    assert "inflates more than 200 times" in unpack(out.getvalue()).error


def test_a_file_larger_than_any_disk_is_refused(unpack):
    assert "larger than" in unpack(header(b"huge", b"0", 1 << 50) + bytes(1024)).error


@pytest.mark.parametrize("form", ["--format=gnu", "--sparse-version=0.0", "--sparse-version=0.1", "--sparse-version=1.0"])
def test_sparse_files_stay_sparse(unpack, tmp_path, form):
    source = tmp_path / "source"
    source.mkdir()
    with (source / "sparse").open("wb") as file:
        file.write(b"start")
        file.seek(1 << 30)
        file.write(b"middle")
        file.truncate(2 << 30)
    options = [form] if form.startswith("--format") else ["--format=posix", form]
    blob = subprocess.run(["tar", "-S", *options, "-C", source, "-cf", "-", "sparse"], capture_output=True, check=True).stdout
    done = unpack(blob)
    status = (done / "sparse").stat()
    assert status.st_size == 2 << 30 and status.st_blocks * 512 < 1 << 20
    with (done / "sparse").open("rb") as file:
        assert file.read(6) == b"start\0"
        file.seek(1 << 30)
        assert file.read(7) == b"middle\0"


# --- Broken ---

@pytest.mark.parametrize("blob", [b"", b"this is no archive\n" * 100, b"\x7fELF" + os.urandom(5000), gzip.compress(b"nor is this" * 200), b"{}", b"\x1f\x8b\x08"],
                         ids=["empty", "text", "program", "gzipped text", "json", "only a gzip header"])
def test_a_foreign_file_is_refused(unpack, blob):
    done = unpack(blob)
    assert done.error and os.listdir(done.root) == []


@pytest.mark.parametrize("compress", [lambda d: d, gzip.compress, bz2.compress, lzma.compress, zstd], ids=["none", "gzip", "bzip2", "xz", "zstd"])
def test_a_truncated_archive_is_refused(unpack, compress):
    blob = compress(tar(entry("file", data=os.urandom(200_000))))
    done = unpack(blob[:len(blob) // 2])
    assert done.error


def test_owners_that_no_kernel_knows_are_refused(unpack):
    assert "owner" in unpack(tar(entry("f", uid=2 ** 32 - 1))).error
    assert "owner" in unpack(tar(entry("f", gid=2 ** 40))).error


# --- The worker itself ---

def test_the_worker_has_given_up_what_it_does_not_need(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "marker").touch()
    worker = start(root, subprocess.PIPE)
    try:
        proc = pathlib.Path(f"/proc/{worker.pid}")

        def status():
            return dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines() if ":\t" in line)

        wait_until("the worker is confined", lambda: status().get("NoNewPrivs") == "1" and int(status()["CapInh"], 16) == 0 and int(status()["CapBnd"], 16) < 1 << 33)
        needed = sum(1 << number for number in (0, 1, 2, 3, 4, 21, 27, 31))
        wait_until("its capabilities are cut", lambda: int(status()["CapPrm"], 16) == needed)
        assert int(status()["CapEff"], 16) == needed
        for kind in ("mnt", "net", "ipc", "uts"):
            assert os.readlink(proc / "ns" / kind) != os.readlink(f"/proc/self/ns/{kind}")
        assert os.listdir(proc / "root") == ["marker"]
        mounts = (proc / "mountinfo").read_text().splitlines()
        assert len(mounts) == 1 and {"nosuid", "nodev", "noexec"} <= set(mounts[0].split()[5].split(","))
        targets = [os.readlink(proc / "fd" / number) for number in os.listdir(proc / "fd")]
        assert len(targets) <= 5, targets
        worker.stdin.close()
        assert b"empty" in worker.stdout.read()
    finally:
        worker.kill()
        worker.wait()


def test_the_worker_ends_with_its_starter(tmp_path):
    """A daemon that is killed leaves no worker behind."""
    (tmp_path / "root").mkdir()
    starter = subprocess.Popen(
        ["python3", "-c",
         "import subprocess,sys,time\n"
         "w = subprocess.Popen(['sh', '-c', 'exec \"$0\" unpack-worker layer 3<\"$1\"', sys.argv[1], sys.argv[2]], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)\n"
         "print(w.pid, flush=True)\ntime.sleep(600)", str(CAISD), str(tmp_path / "root")], stdout=subprocess.PIPE)
    pid = int(starter.stdout.readline())
    status = pathlib.Path(f"/proc/{pid}/status")
    wait_until("the worker is confined", lambda: "NoNewPrivs:\t1" in status.read_text())
    starter.kill()
    starter.wait()

    def gone():
        try:
            return "State:\tZ" in status.read_text()
        except (FileNotFoundError, ProcessLookupError):
            return True

    wait_until("the worker is gone", gone)
