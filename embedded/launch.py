"""The last step before a program starts: it is recorded, isn't root where it must not be, and dies with its parent.

Run as a script (`python -I -S launch.py [options] -- program arguments...`), it ends in `exec`, so the program keeps
the pid. It has to be a process of its own, because supervisord can't do any of the three, and it imports nothing but
the standard library, because it runs before every program and 20 ms is what that costs.

On Linux `PR_SET_PDEATHSIG` has the kernel signal the program when its parent is killed with SIGKILL. Elsewhere there
is no such thing, and the record is what the next start cleans up by.
"""

import argparse
import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# prctl(2), unshare(2), capset(2): the numbers are the kernel's interface and never change.
PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CLONE_NEWUSER = 0x10000000
LINUX_CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1

SAME_ACCOUNT = "same"
USER_NAMESPACE = "namespace"
NOBODY = "nobody"


def identity(pid: int) -> str | None:
    """Boot and start time: what tells a process from a later one with the same pid. None when there is no process."""
    if sys.platform != "linux":
        listing = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return listing.stdout.strip() or None
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # The second field, the name, may hold blanks and parentheses; what follows the last one is regular.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    state, started = fields[0], fields[19]
    return None if state in (b"Z", b"X") else f"{boot}/{started.decode()}"


def write_record(path: Path, stop_signal: signal.Signals) -> None:
    """Record this process, which is about to become the program: pid, identity and what stops it, between tabs."""
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_text(f"{os.getpid()}\t{identity(os.getpid())}\t{stop_signal.name}\n", encoding="utf-8")
    partial.replace(path)


def enter_user_namespace() -> None:
    """Appear as `nobody` in a user namespace, and stay root outside: files keep their owner, nothing is opened up.

    `nobody` and not just any number, because initdb looks its user up in the password database.
    """
    uid, gid = os.geteuid(), os.getegid()
    account = pwd.getpwnam(NOBODY)
    _checked(_libc().unshare(CLONE_NEWUSER), "unshare")
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{account.pw_uid} {uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{account.pw_gid} {gid} 1", encoding="ascii")


def drop_root() -> None:
    """Drop to the account `nobody`, and keep the right to pass through directories that are closed to it (as /root is).

    Containers forbid user namespaces and permit this.
    """
    account = pwd.getpwnam(NOBODY)
    libc = _libc()
    _checked(libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "prctl")
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    mask = 1 << CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)  # effective, permitted, inheritable; then the upper halves
    # Without the capability the program may still be able to read what it needs, so a refusal is no failure.
    if libc.capset(header, sets) == 0:
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def die_with_parent(signal_number: int, parent: int) -> None:
    """Have the kernel send this process `signal_number` when `parent` dies; exit when that has happened already."""
    if sys.platform == "linux":
        _checked(_libc().prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0), "prctl")
    if os.getppid() != parent:
        sys.exit(1)


def launcher(
    program: Sequence[str | Path],
    *,
    record: Path | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    account: str = SAME_ACCOUNT,
    directory: Path | None = None,
) -> list[str]:
    """The command line that starts `program` through this module, in `directory` where one is given."""
    command = [sys.executable, "-I", "-S", str(Path(__file__).resolve())]
    command += ["--stop-signal", stop_signal.name, "--account", account]
    if record is not None:
        command += ["--record", str(record)]
    if directory is not None:
        command += ["--directory", str(directory)]
    return [*command, "--", *map(str, program)]


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of this module's command line."""
    parser = argparse.ArgumentParser(prog="launch")
    parser.add_argument("--record", type=Path, help="file that receives the pid and what identifies the process")
    parser.add_argument("--stop-signal", type=lambda name: signal.Signals[name], default=signal.SIGTERM)
    parser.add_argument("--account", choices=[SAME_ACCOUNT, USER_NAMESPACE, NOBODY], default=SAME_ACCOUNT)
    parser.add_argument("--directory", type=Path, help="the program's working directory")
    parser.add_argument("program", nargs="+")
    return parser.parse_args(arguments)


def prepare(options: argparse.Namespace, parent: int) -> None:
    """Everything before the program: its record, its account, its directory, and that it dies with `parent`."""
    if options.record is not None:
        write_record(options.record, options.stop_signal)
    if options.account == USER_NAMESPACE:
        enter_user_namespace()
    elif options.account == NOBODY:
        drop_root()
    if options.directory is not None:
        os.chdir(options.directory)
    # Last of all: a change of credentials clears the signal.
    die_with_parent(options.stop_signal, parent)


def main() -> None:
    """Write the record of this process, then become the program that the arguments name."""
    parent = os.getppid()
    options = parse(sys.argv[1:])
    prepare(options, parent)
    os.execv(options.program[0], options.program)  # noqa: S606 - to become the program is the purpose


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


if __name__ == "__main__":
    main()
