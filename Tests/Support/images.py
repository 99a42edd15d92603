"""Images for tests, made from Debian's packages with no engine's help."""

import functools
import hashlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import tarfile

# Images that need Debian's archive are made before the tests, which run without a network.
MADE = pathlib.Path(os.environ.get("CAIS_TEST_IMAGES", pathlib.Path(__file__).resolve().parents[2] / ".build" / "test-images"))


def _add(tar, name, data=None, kind=tarfile.REGTYPE, mode=0o644, link=""):
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.linkname = kind, mode, link
    entry.size = len(data) if data is not None else 0
    tar.addfile(entry, io.BytesIO(data) if data is not None else None)


@functools.cache
def busybox_layer():
    """The bytes of an uncompressed layer: busybox with its applets, accounts and a web page."""
    program = pathlib.Path(shutil.which("busybox")).read_bytes()
    applets = subprocess.run(["busybox", "--list"], capture_output=True, check=True).stdout.decode().split()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for folder in ("bin", "etc", "proc", "sys", "dev", "root", "www", "home", "home/user"):
            _add(tar, folder, kind=tarfile.DIRTYPE, mode=0o755)
        _add(tar, "tmp", kind=tarfile.DIRTYPE, mode=0o1777)
        _add(tar, "bin/busybox", program, mode=0o755)
        for applet in applets:
            if applet != "busybox":
                _add(tar, f"bin/{applet}", kind=tarfile.SYMTYPE, link="busybox", mode=0o777)
        _add(tar, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n")
        _add(tar, "etc/group", b"root:x:0:\nuser:x:1000:\naudio:x:29:user\n")
        _add(tar, "etc/not-executable", b"just text\n")
        _add(tar, "www/index.html", b"served by cais\n")
    return out.getvalue()


def image_config(diff_ids, config):
    return json.dumps({
        "created": "2024-01-02T03:04:05Z", "architecture": "amd64", "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [{"created": "2024-01-02T03:04:05Z", "created_by": "made for a test"} for _ in diff_ids],
    }).encode()


def docker_archive(path, tag="busybox:latest", layers=None, **config):
    """Writes a docker archive and returns the image's id. `config` overrides the image's Cmd, Env, …"""
    layers = [busybox_layer()] if layers is None else layers
    settings = {"Cmd": ["sh"], "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], **config}
    blob = image_config(["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers], settings)
    name = hashlib.sha256(blob).hexdigest()
    with tarfile.open(path, "w") as tar:
        for number, layer in enumerate(layers):
            _add(tar, f"layer{number}.tar", layer)
        _add(tar, f"{name}.json", blob)
        manifest = [{"Config": f"{name}.json", "RepoTags": [tag] if tag else None,
                     "Layers": [f"layer{n}.tar" for n in range(len(layers))]}]
        _add(tar, "manifest.json", json.dumps(manifest).encode())
    return "sha256:" + name


def nginx_archive():
    """The path of a docker archive of Debian's nginx (`make integration` makes it)."""
    archive = MADE / "nginx.tar"
    assert archive.exists(), f"{archive} is missing: python3 Tests/Support/images.py makes it"
    return archive


def make_nginx_archive():
    """Makes that archive with mmdebstrap, from Debian's package."""
    MADE.mkdir(parents=True, exist_ok=True)
    layer, partial = MADE / "nginx-layer.tar", MADE / "nginx.part"
    subprocess.run(["mmdebstrap", "--variant=extract", "--quiet", "--include=nginx-light", "bookworm", str(layer)], check=True)
    configuration = (
        b"daemon off;\nworker_processes 2;\nerror_log /dev/stderr;\npid /run/nginx.pid;\n"
        b"events { worker_connections 1024; }\n"
        b"http { access_log off; keepalive_requests 100000; server { listen 80; root /srv; } }\n")
    extra = io.BytesIO()
    with tarfile.open(fileobj=extra, mode="w") as tar:
        _add(tar, "run", kind=tarfile.DIRTYPE, mode=0o755)
        _add(tar, "etc/nginx/nginx.conf", configuration)
        _add(tar, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/false\n"
                                b"nobody:x:65534:65534::/:/bin/false\n")
        _add(tar, "etc/group", b"root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n")
        _add(tar, "srv/index.html", b"nginx in a container\n")
    docker_archive(partial, "nginx:latest", [layer.read_bytes(), extra.getvalue()], Cmd=["nginx"], Entrypoint=None)
    layer.unlink()
    partial.rename(MADE / "nginx.tar")


if __name__ == "__main__":
    make_nginx_archive()
