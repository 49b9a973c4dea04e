"""What holds a process that looks at untrusted bytes: applied twice, in the zygote and in each process it forks.

`shut_in` takes away what every look can do without: other processes' rights, the network, the file system. `confine` takes
away the rest from one look: room, time, and every system call but those for computing and for its one socket. Each returns
the names of the defences that stand; what a machine does not offer is missing from them, and `casevault check` says so.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
import tempfile

MEBIBYTE = 1024 * 1024
LIMITS = {
    resource.RLIMIT_AS: 512 * MEBIBYTE,
    resource.RLIMIT_CPU: 20,
    resource.RLIMIT_NOFILE: 3,
    resource.RLIMIT_NPROC: 0,
    resource.RLIMIT_FSIZE: 0,
    resource.RLIMIT_CORE: 0,
}

NETWORK, ROOT, USER = "network-namespace", "empty-root", "own-user"
LIMITED, UNPRIVILEGED, FILTERED = "limits", "no-new-privileges", "system-calls"
DEFENCES = (NETWORK, ROOT, USER, LIMITED, UNPRIVILEGED, FILTERED)

OWN_USER = 61_471
"""A user and group of nobody else, where the zygote is started by root."""

_NEW_NET, _NEW_IPC, _NEW_USER = 0x40000000, 0x08000000, 0x10000000
_SET_PDEATHSIG, _SET_DUMPABLE, _SET_SECCOMP, _SET_NO_NEW_PRIVS = 1, 4, 22, 38
_KILL = 9
_FILTER_MODE = 2
_ALLOW, _REFUSE, _END = 0x7FFF0000, 0x00050001, 0x80000000  # SECCOMP_RET_ALLOW, _ERRNO | EPERM, _KILL_PROCESS

_MACHINES: dict[str, tuple[int, str]] = {
    "x86_64": (
        0xC000003E,
        "0 1 3 5 7 8 9 10 11 12 13 14 15 16 20 24 25 28 39 44 45 60 72 96 131 186 201 202 228 230 231 262"
        " 271 318 334",
    ),
    "aarch64": (
        0xC00000B7,
        "25 29 57 62 63 64 66 73 79 80 93 94 98 113 115 124 132 134 135 139 169 172 178 206 207 214 215 216"
        " 222 226 233 278 293",
    ),
}
"""The kernel's name of each machine (AUDIT_ARCH_*) and the system calls that a look may use: read write writev close
fstat newfstatat poll ppoll lseek mmap mprotect munmap mremap madvise brk rt_sigaction rt_sigprocmask rt_sigreturn
sigaltstack ioctl fcntl sched_yield getpid gettid time gettimeofday clock_gettime clock_nanosleep futex sendto recvfrom exit
exit_group getrandom rseq. None opens, connects, starts, signals or asks for a right."""

_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, *values: int) -> bool:
    """prctl(2): whether the kernel did it."""
    words = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    return bool(_libc.prctl(ctypes.c_int(option), *words) == 0)


def shut_in() -> set[str]:
    """No network, no file system, no other user's processes; for a process of one thread that has loaded what it needs."""
    stands = set()
    is_root = os.geteuid() == 0
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if _libc.unshare(_NEW_NET | _NEW_IPC | (0 if is_root else _NEW_USER)) == 0:
        stands.add(NETWORK)
    if _moved_into_nothing():
        stands.add(ROOT)
    if is_root and _gave_up_root():
        stands.add(USER)
    _prctl(_SET_DUMPABLE, 0)
    return stands


def confine(parent: int | None = None) -> set[str]:
    """Little room and time, and no system call but those of `_MACHINES`; with a `parent`, it ends when that ends."""
    stands = set()
    if parent is not None:
        _prctl(_SET_PDEATHSIG, _KILL)
        if os.getppid() != parent:
            os._exit(1)
    _prctl(_SET_DUMPABLE, 0)
    for limit, most in LIMITS.items():
        resource.setrlimit(limit, (most, most))
    stands.add(LIMITED)
    if _prctl(_SET_NO_NEW_PRIVS, 1):
        stands.add(UNPRIVILEGED)
        if _filtered():
            stands.add(FILTERED)
    return stands


def _moved_into_nothing() -> bool:
    """Root and working directory are a folder that is gone: nothing is in it, and nothing can be made there."""
    try:
        folder = tempfile.mkdtemp()
        os.chdir(folder)
        os.rmdir(folder)
        os.chroot(".")
    except OSError:
        return False
    return True


def _gave_up_root() -> bool:
    try:
        os.setgroups([])
        os.setresgid(OWN_USER, OWN_USER, OWN_USER)
        os.setresuid(OWN_USER, OWN_USER, OWN_USER)
    except OSError:
        return False
    return True


def _filtered() -> bool:
    """Every other system call is refused (EPERM); one of another machine's interface ends the process (seccomp(2))."""
    machine, calls = _MACHINES.get(platform.machine(), (0, ""))
    if not machine or struct.calcsize("P") != 8:
        return False
    allowed = [int(number) for number in calls.split()]
    steps = [(0x20, 0, 0, 4), (0x15, 1, 0, machine), (0x06, 0, 0, _END), (0x20, 0, 0, 0)]
    steps += [(0x15, len(allowed) - at, 0, number) for at, number in enumerate(allowed)]
    steps += [(0x06, 0, 0, _REFUSE), (0x06, 0, 0, _ALLOW)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(steps), ctypes.addressof(code)))
    return _prctl(_SET_SECCOMP, _FILTER_MODE, ctypes.addressof(program))
