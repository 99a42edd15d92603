"""An ordinary user who runs the runtime under test. The user is nobody else's: its entries in
/etc/passwd, /etc/subuid and the like are files mounted over the machine's in a mount namespace that
each command has of its own, so there is nothing to take away afterwards."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile

from cais_testing import CGROUP_PARENT, Result, Runtime, cgroup_hierarchies

UID, GID = 4711, 4712
NAME = "cais-user"
SUB_UIDS, SUB_GIDS = (300000, 65536), (400000, 65536)


class UserRuntime(Runtime):
    """The runtime on a root of its own, run by an ordinary user."""

    def __init__(self, path=None):
        super().__init__(path)
        self.files = {}
        self.given("/etc/passwd", f"root:x:0:0::/root:/bin/sh\n{NAME}:x:{UID}:{GID}::{self.directory}:/bin/sh\n")
        self.given("/etc/group", f"root:x:0:\n{NAME}:x:{GID}:\n")
        self.given("/etc/subuid", f"{NAME}:{SUB_UIDS[0]}:{SUB_UIDS[1]}\n")
        self.given("/etc/subgid", f"{NAME}:{SUB_GIDS[0]}:{SUB_GIDS[1]}\n")
        os.chown(self.directory, UID, GID)
        self.session = self.directory / "session"
        self.session.mkdir(mode=0o700)
        os.chown(self.session, UID, GID)
        self.environment = {"XDG_RUNTIME_DIR": str(self.session)}
        # Where the user is put before the runtime starts, one directory in each hierarchy.
        self.cgroups = []

    def given(self, path, content, mode=0o644):
        """What the user's commands find at `path`: a text, or the copy of a file."""
        copy = self.directory / f"given-{len(self.files)}-{pathlib.Path(path).name}"
        if isinstance(content, pathlib.Path):
            shutil.copy(content, copy)
        else:
            copy.write_text(content)
        os.chmod(copy, mode)
        self.files[path] = copy

    def delegate(self):
        """Gives the user a cgroup of its own in every hierarchy, as systemd does, and puts it there."""
        for hierarchy in cgroup_hierarchies():
            top = pathlib.Path(hierarchy + CGROUP_PARENT) / "user"
            session = top / "session"
            for directory in (top.parent, top, session):
                directory.mkdir(parents=True, exist_ok=True)
                self.prepare(directory, is_v2=(directory / "cgroup.controllers").exists())
            for entry in [top, *top.iterdir(), *session.iterdir()]:
                os.chown(entry, UID, GID)
            self.cgroups.append(top)

    @staticmethod
    def prepare(directory, is_v2):
        """Makes a cgroup what processes can enter, and on v2 what has the controllers of the one above."""
        for name in ("cpuset.cpus", "cpuset.mems"):
            file = directory / name
            if not is_v2 and file.exists() and not file.read_text().strip():
                file.write_text((directory.parent / name).read_text())
        if is_v2:
            for controller in (directory.parent / "cgroup.controllers").read_text().split():
                with contextlib.suppress(OSError):
                    (directory.parent / "cgroup.subtree_control").write_text(f"+{controller}")

    def as_user(self, *words):
        """The command that runs `words` as the user."""
        script = "".join(f"mount --bind {copy} {path} && " for path, copy in self.files.items())
        script += "".join(f"echo $$ > {top}/session/cgroup.procs && " for top in self.cgroups)
        script += f'exec setpriv --reuid {UID} --regid {GID} --clear-groups -- "$@"'
        return ["unshare", "--mount", "--propagation", "slave", "sh", "-c", script, "sh", *map(str, words)]

    def command(self, *arguments, flags=()):
        return self.as_user(*super().command(*arguments, flags=flags))

    def bare(self, *arguments, environment=None):
        """The runtime without --root."""
        values = self.environment if environment is None else environment
        return self.plainly(self.path, *arguments, environment=values)

    def plainly(self, *words, environment=None):
        """Any command as the user. What it prints goes to files, as Runtime.run explains."""
        values = {name: value for name, value in os.environ.items() if name != "XDG_RUNTIME_DIR"}
        values.update(environment or {})
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            done = subprocess.run(self.as_user(*words), stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=values, timeout=60, check=False)
            out.seek(0)
            err.seek(0)
            return Result(done.returncode, out.read(), err.read())

    def run(self, *arguments, env=None, **options):
        return super().run(*arguments, env={**self.environment, **(env or {})}, **options)

    def bundle(self, *args, change=None, ids=False, **options):
        """A bundle of the user's, without what only root can give; with `ids` it maps the user's subordinate ids too."""
        def rootless(config):
            make_rootless(config, ids)
            if change:
                change(config)
        bundle = super().bundle(*args, change=rootless, **options)
        subprocess.run(["chown", "-R", f"{UID}:{GID}", bundle.path], check=True)
        return bundle

    def once(self, *args, change=None, ids=False, **options):
        bundle = self.bundle(*args, change=change, ids=ids)
        return self.run("run", "--bundle", bundle.path, self.name(), **options)

    def undelegate(self):
        """Takes the user's cgroups away, with the directory that the runtime makes above its containers'."""
        for top in self.cgroups:
            for place in (top / "session/cais", top / "session", top):
                with contextlib.suppress(OSError):
                    place.rmdir()
        self.cgroups = []


def make_rootless(config, ids=False):
    """Changes an engine's configuration into one for a user without privileges."""
    linux = config["linux"]
    del linux["resources"], linux["cgroupsPath"]
    linux["namespaces"] = [{"type": kind} for kind in ("mount", "uts", "pid", "ipc", "user")]
    linux["uidMappings"] = [{"containerID": 0, "hostID": UID, "size": 1}]
    linux["gidMappings"] = [{"containerID": 0, "hostID": GID, "size": 1}]
    if ids:
        linux["uidMappings"].append({"containerID": 1, "hostID": SUB_UIDS[0], "size": SUB_UIDS[1]})
        linux["gidMappings"].append({"containerID": 1, "hostID": SUB_GIDS[0], "size": SUB_GIDS[1]})
    config["mounts"] = [mount for mount in config["mounts"] if mount["type"] not in ("cgroup", "sysfs")]
    config["mounts"].append({"destination": "/sys", "type": "none", "source": "/sys", "options": ["rbind", "nosuid", "noexec", "nodev", "ro"]})
    for mount in config["mounts"]:
        if mount["type"] == "devpts" and not ids:
            mount["options"].remove("gid=5")
