"""What the specification demands of the system call filter (config-linux.md, seccomp)."""

import re

import pytest

from cais_testing import IS_PEER


OWN_WRITES = "config-linux.md: seccomp is for the container's process; runc writes a byte of its own beneath the filter"


def filtered(*rules, default="SCMP_ACT_ALLOW", privileges=None, **more):
    def change(config):
        config["linux"]["seccomp"] = {"defaultAction": default, "architectures": ["SCMP_ARCH_X86_64"], "syscalls": list(rules), **more}
        if privileges is not None:
            config["process"]["noNewPrivileges"] = privileges
    return change


def rule(name, action="SCMP_ACT_ERRNO", **more):
    return {"names": [name] if isinstance(name, str) else name, "action": action, **more}


@pytest.mark.parametrize("privileges", [False, True], ids=["privileges", "no new privileges"])
def test_the_filter_is_loaded(runtime, privileges):
    result = runtime.once("cat", "/proc/self/status", change=filtered(rule("reboot"), privileges=privileges))
    assert re.search(r"Seccomp:\s2", result.out) and re.search(r"Seccomp_filters:\s1", result.out), result


@pytest.mark.parametrize("name", ["getcwd", "chdir", "setuid", "setgid", "setgroups", "capset", "capget", "prctl", "umask", "faccessat", "faccessat2", "close_range",
                                  "mount", "pivot_root", "unshare", "setns", "clone3", "fchdir", "statx", "openat2", "keyctl", "sethostname"])
@pytest.mark.parametrize("privileges", [False, True], ids=["privileges", "no new privileges"])
def test_a_filter_forbids_the_program_and_not_the_runtime(runtime, name, privileges):
    """Whatever the runtime itself calls on its way, a filter is for the program."""
    if IS_PEER:
        pytest.skip("config-linux.md: seccomp 'restricts a process's system calls', the container's; runc loads it before its own last steps")
    if name == "capset" and not privileges:
        pytest.skip("without no_new_privs the privilege that loading the filter needs is laid down after it, by capset(2)")
    result = runtime.once("echo", "ran", change=filtered(rule(name), privileges=privileges))
    assert (result.code, result.out) == (0, "ran\n"), result


def test_getcwd_can_be_forbidden_as_the_validation_suites_do(runtime):
    if IS_PEER:
        pytest.skip("as above")
    result = runtime.once("sh", "-c", "cd /tmp; /bin/busybox pwd -P 2>&1; /bin/busybox readlink -f . ; echo end", change=filtered(rule("getcwd")))
    assert "/tmp" not in result.out and result.out.endswith("end\n"), result


@pytest.mark.parametrize("errno,text", [(None, "Operation not permitted"), (1, "Operation not permitted"), (13, "Permission denied"), (38, "not implemented"), (28, "No space")])
def test_errno_of_a_rule(runtime, errno, text):
    more = {} if errno is None else {"errnoRet": errno}
    result = runtime.once("mkdir", "/tmp/x", change=filtered(rule(["mkdir", "mkdirat"], **more)))
    assert result.code != 0 and text in result.err, result


def everything_but(*names):
    """Rules that allow what busybox needs and nothing of `names`, for a default that forbids."""
    from cais_testing import ALLOWED_CALLS
    return rule([name for name in [*ALLOWED_CALLS.split(), "clone"] if name not in names], "SCMP_ACT_ALLOW")


@pytest.mark.parametrize("errno,text", [(None, "Operation not permitted"), (13, "Permission denied")])
def test_errno_of_the_default_action(runtime, errno, text):
    more = {} if errno is None else {"defaultErrnoRet": errno}
    result = runtime.once("mkdir", "/tmp/x", change=filtered(everything_but("mkdir", "mkdirat"), default="SCMP_ACT_ERRNO", **more))
    assert result.code != 0 and text in result.err, result


@pytest.mark.parametrize("action,code", [("SCMP_ACT_KILL", 159), ("SCMP_ACT_KILL_THREAD", 159), ("SCMP_ACT_KILL_PROCESS", 159), ("SCMP_ACT_TRAP", 159),
                                         ("SCMP_ACT_ALLOW", 0), ("SCMP_ACT_LOG", 0)])
def test_each_action(runtime, action, code):
    default = "SCMP_ACT_ERRNO" if action == "SCMP_ACT_ALLOW" else "SCMP_ACT_ALLOW"
    rules = [everything_but("sync"), rule("sync", action)] if action == "SCMP_ACT_ALLOW" else [rule("sync", action)]
    result = runtime.once("sh", "-c", "busybox sync; echo $?", change=filtered(*rules, default=default))
    assert result.out == f"{code}\n", result


def test_trace_without_a_tracer_is_enosys(runtime):
    result = runtime.once("mkdir", "/tmp/x", change=filtered(rule(["mkdir", "mkdirat"], "SCMP_ACT_TRACE")))
    assert result.code != 0 and "not implemented" in result.err, result


OPERATORS = [("SCMP_CMP_EQ", "2 4"), ("SCMP_CMP_NE", "3"), ("SCMP_CMP_LT", "3 4"), ("SCMP_CMP_LE", "4"), ("SCMP_CMP_GT", "2 3"), ("SCMP_CMP_GE", "2")]


@pytest.mark.parametrize("op,passes", OPERATORS)
def test_each_operator(runtime, op, passes):
    if IS_PEER and op in ("SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE"):
        pytest.skip(OWN_WRITES)
    # Three write(2) of 2, 3 and 4 bytes; those are refused for which the comparison of the length with 3 is true.
    change = filtered(rule("write", args=[{"index": 2, "value": 3, "op": op}]), privileges=True)
    result = runtime.once("sh", "-c", "busybox printf 22; busybox printf 333; busybox printf 4444", change=change)
    assert result.out == "".join(digit * int(digit) for digit in passes.split()), result


def test_masked_comparison(runtime):
    if IS_PEER:
        pytest.skip(OWN_WRITES)
    # Lengths whose lowest bit is set are refused.
    change = filtered(rule("write", args=[{"index": 2, "value": 1, "valueTwo": 1, "op": "SCMP_CMP_MASKED_EQ"}]), privileges=True)
    assert runtime.once("sh", "-c", "busybox printf 22; busybox printf 333; busybox printf 4444", change=change).out == "224444"


def test_all_arguments_of_a_rule_must_match(runtime):
    args = [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}, {"index": 2, "value": 5, "op": "SCMP_CMP_EQ"}]
    result = runtime.once("sh", "-c", "busybox printf 1234; busybox printf 12345", change=filtered(rule("write", args=args)))
    assert result.out == "1234", result


def test_a_call_that_no_architecture_has_is_passed_over(runtime):
    result = runtime.once("mkdir", "/tmp/x", change=filtered(rule(["no_such_call", "mkdir", "mkdirat"])))
    assert result.code != 0 and "not permitted" in result.err, result


@pytest.mark.parametrize("flags", [["SECCOMP_FILTER_FLAG_LOG"], ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"], ["SECCOMP_FILTER_FLAG_TSYNC"], []])
def test_each_flag(runtime, flags):
    if IS_PEER and flags:
        pytest.skip("config-linux.md, flags: 'list of flags to use with seccomp(2)', since 1.0.2; Debian's runc has none")
    result = runtime.once("mkdir", "/tmp/x", change=filtered(rule(["mkdir", "mkdirat"]), flags=flags))
    assert result.code != 0 and "not permitted" in result.err, result


@pytest.mark.parametrize("architectures", [["SCMP_ARCH_X86_64"], ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], ["SCMP_ARCH_AARCH64", "SCMP_ARCH_X86_64"], None])
def test_architectures(runtime, architectures):
    def change(config):
        filtered(rule(["mkdir", "mkdirat"]))(config)
        config["linux"]["seccomp"]["architectures"] = architectures
        if architectures is None:
            del config["linux"]["seccomp"]["architectures"]
    result = runtime.once("mkdir", "/tmp/x", change=change)
    assert result.code != 0 and "not permitted" in result.err, result


@pytest.mark.skipif(IS_PEER, reason="config-linux.md, errnoRet: 'Otherwise the runtime MUST print an error and fail', where the action takes none; runc ignores it")
@pytest.mark.parametrize("action", ["SCMP_ACT_ALLOW", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP", "SCMP_ACT_LOG"])
def test_an_errno_for_an_action_that_takes_none_is_refused(runtime, action):
    for change in (filtered(rule("mkdir", action, errnoRet=5), default="SCMP_ACT_ERRNO"), filtered(default=action, defaultErrnoRet=5)):
        result = runtime.once("true", change=change)
        assert result.code != 0 and action in result.err and result.err.strip(), result


@pytest.mark.skipif(IS_PEER, reason="config-linux.md, names: 'names MUST contain at least one entry'; runc takes none")
def test_a_rule_without_names_is_refused(runtime):
    result = runtime.once("true", change=filtered(rule([])))
    assert result.code != 0 and "names no system call" in result.err, result


@pytest.mark.parametrize("wrong", [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": -1, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 0}])
def test_an_argument_that_cannot_be_is_refused(runtime, wrong):
    if IS_PEER and "op" not in wrong:
        pytest.skip("config-linux.md: 'op (string, REQUIRED)'")
    assert runtime.once("true", change=filtered(rule("mkdir", args=[wrong]))).code != 0


def test_an_added_process_and_every_child_has_the_filter(runtime):
    container = runtime.started("sleep", "1000", change=filtered(rule(["mkdir", "mkdirat"])))
    result = container.exec("sh", "-c", "busybox sh -c 'busybox mkdir /tmp/x'")
    assert result.code != 0 and "not permitted" in result.err, result
