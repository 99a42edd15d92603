"""What is installed beside the program: completions that load in each shell and manual pages that read without a warning."""

import os
import shutil
import subprocess

import pytest

from cais_testing import IS_PEER

pytestmark = pytest.mark.skipif(IS_PEER, reason="looks at this runtime's own documents")

VERBS = "create start run state kill delete exec list ps pause resume update events spec features checkpoint restore".split()


def shell(name, script, runtime, **options):
    """Runs `script` in a shell that finds the runtime by its name."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    directory = runtime.directory / "path"
    directory.mkdir(exist_ok=True)
    if not (directory / "cais-runtime").exists():
        os.symlink(runtime.path, directory / "cais-runtime")
    command = {"bash": ["bash", "--norc", "--noprofile", "-c"], "zsh": ["zsh", "-f", "-c"], "fish": ["fish", "--no-config", "-c"]}[name]
    home = runtime.directory / "home"
    home.mkdir(exist_ok=True)
    environment = {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}", "HOME": str(home), "XDG_DATA_HOME": str(home), "TERM": "dumb"}
    return subprocess.run([*command, script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False,
                          env=environment, **options)


def bash_words(runtime, *line):
    """What bash offers for the last word of a line."""
    words = " ".join(f"'{word}'" for word in ("cais-runtime", *line))
    script = f"source <(cais-runtime completion bash); COMP_WORDS=({words}); COMP_CWORD={len(line)}; " \
        '_cais_runtime; printf "%s\\n" "${COMPREPLY[@]}"'
    done = shell("bash", script, runtime)
    assert done.stderr == b"", done.stderr.decode()
    return set(done.stdout.decode().split())


def test_bash_offers_verbs_flags_and_values(runtime):
    assert set(VERBS) <= bash_words(runtime, "")
    assert {"--bundle", "-b", "--pid-file", "--no-pivot", "--pidfd-socket"} <= bash_words(runtime, "create", "-")
    assert bash_words(runtime, "ch") == {"checkpoint"}
    assert {"soft", "full", "strict", "ignore"} == bash_words(runtime, "checkpoint", "--manage-cgroups-mode", "")
    assert {"bash", "zsh", "fish"} == bash_words(runtime, "completion", "")


def test_the_completion_loads_in_zsh(runtime):
    script = "autoload -U compinit && compinit -u -D && eval \"$(cais-runtime completion zsh)\" && print ${_comps[cais-runtime]}"
    done = shell("zsh", script, runtime)
    assert done.returncode == 0 and done.stderr == b"" and b"cais_runtime" in done.stdout, done


def test_zsh_finds_the_completion_where_it_is_installed(runtime):
    directory = runtime.directory / "functions"
    directory.mkdir()
    (directory / "_cais-runtime").write_text(runtime("completion", "zsh").out)
    done = shell("zsh", f"fpath=({directory} $fpath); autoload -U compinit && compinit -u -D && print $_comps[cais-runtime]; zcompile -t {directory}/_cais-runtime; "
                 f"zsh -n {directory}/_cais-runtime", runtime)
    assert done.returncode == 0 and done.stdout.split()[0] == b"_cais-runtime", done


def test_fish_offers_verbs_and_flags(runtime):
    done = shell("fish", "cais-runtime completion fish | source; complete -C 'cais-runtime '", runtime)
    assert done.returncode == 0 and done.stderr == b"", done
    offered = {line.split("\t")[0] for line in done.stdout.decode().splitlines()}
    assert set(VERBS) <= offered, offered
    done = shell("fish", "cais-runtime completion fish | source; complete -C 'cais-runtime create --'", runtime)
    offered = {line.split("\t")[0] for line in done.stdout.decode().splitlines()}
    assert {"--bundle", "--no-pivot"} <= offered and "--leave-running" not in offered, offered


@pytest.fixture
def pages(runtime):
    directory = runtime.directory / "man"
    assert runtime("manual", directory).code == 0
    return directory


def test_there_is_a_page_for_the_program_and_each_verb(pages):
    assert {path.name for path in pages.iterdir()} == {"cais-runtime.8", *(f"cais-runtime-{verb}.8" for verb in VERBS)}


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_the_pages_read_without_a_warning_and_name_every_flag(runtime, pages):
    for path in sorted(pages.iterdir()):
        done = subprocess.run(["groff", "-man", "-Tascii", "-ww", "-P-c", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
        assert done.stderr == b"", (path.name, done.stderr.decode())
        text = done.stdout.decode()
        # Letters that are overstruck for bold, and words that are broken at line ends, are put back.
        plain = "".join(text[index] for index in range(len(text)) if text[index] != "\b" and text[index + 1:index + 2] != "\b")
        words = path.stem.split("-")[2:]
        help_text = runtime(*words, "--help").out
        flags = {word.strip(",") for word in help_text.split() if word.startswith("--") and word.strip(",-").replace("-", "").isalnum()}
        missing = [flag for flag in flags if flag not in plain.replace("\n", " ") and flag not in "".join(plain.split())]
        assert not missing, (path.name, missing)


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed")
def test_man_finds_the_pages_by_name_and_whatis(runtime, pages):
    tree = runtime.directory / "share/man/man8"
    tree.mkdir(parents=True)
    for path in pages.iterdir():
        shutil.copy(path, tree)
    environment = {**os.environ, "MANPATH": str(tree.parent), "MANPAGER": "cat", "TERM": "dumb", "MANWIDTH": "100"}
    done = subprocess.run(["man", "cais-runtime-restore"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, check=False)
    assert done.returncode == 0 and b"cais-runtime-restore - Bring a container back from disk" in done.stdout, done
    done = subprocess.run(["lexgrog", tree / "cais-runtime-exec.8"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, check=False)
    assert done.returncode == 0 and b"cais-runtime-exec - " in done.stdout, done
