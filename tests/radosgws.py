"""A real S3 server for one run of the tests: Debian's Ceph, one monitor, one store in memory, one gateway, on loopback.

Whichever process of the run asks first starts it, as a process of its own that ends when the run does.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir
from urllib.request import urlopen
from uuid import uuid4

RUN = "CASEVAULT_TEST_RADOSGW"
"""The process id of the run, which its processes inherit."""
PROGRAMS = ("ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "ceph", "monmaptool")
KEY, SECRET = "casevault-tests", "casevault-tests-secret"
PATIENCE = 60.0
CONFIGURATION = """
[global]
fsid = {fsid}
mon_host = v1:127.0.0.1:{mon}
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_bind_msgr2 = false
run_dir = {folder}
admin_socket = {folder}/$name.asok
pid_file =
log_file = {folder}/$name.log
log_to_stderr = false
mon_cluster_log_file = {folder}/cluster.log
keyring = {folder}/keyring
osd_objectstore = memstore
memstore_device_bytes = 1073741824
osd_data = {folder}/osd
osd_crush_chooseleaf_type = 0
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 2
osd_pool_default_pgp_num = 2
osd_pool_default_pg_autoscale_mode = off
mon_allow_pool_size_one = true
mon_data = {folder}/mon
mon_warn_on_pool_no_redundancy = false
mon_max_pg_per_osd = 1000
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
osd_mon_heartbeat_interval = 5
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
[client.rgw]
rgw_frontends = beast endpoint=127.0.0.1:{gateway} tcp_nodelay=1
rgw_thread_pool_size = 32
rgw_enable_gc_threads = false
rgw_enable_lc_threads = false
rgw_run_sync_thread = false
rgw_enable_usage_log = false
rgw_enable_quota_threads = false
rgw_data = {folder}/rgw
"""


def is_installed() -> bool:
    """Whether this machine has all of it."""
    return all(shutil.which(name, path=_path()) for name in PROGRAMS)


def radosgw_url() -> str:
    """Where this run's server listens; it is started if nobody has."""
    folder = _folder(int(os.environ.get(RUN, os.getpid())))
    folder.mkdir(mode=0o755, exist_ok=True)
    with (folder / "turn").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not (folder / "address").exists():
            _start(folder)
    return (folder / "address").read_text()


def _start(folder: Path) -> None:
    """Nobody's child to wait for: it outlives the process of the run that started it."""
    command = [sys.executable, __file__, os.environ.get(RUN, str(os.getpid()))]
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT)
    to_log = [(os.POSIX_SPAWN_DUP2, log, stream) for stream in (1, 2)]
    nothing = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
    process = os.posix_spawn(command[0], command, os.environ, file_actions=nothing + to_log, setsid=True)
    os.close(log)
    ends = time.monotonic() + PATIENCE
    while not (folder / "address").exists():
        assert os.waitpid(process, os.WNOHANG) == (0, 0), (folder / "log").read_text()[-2000:]
        assert time.monotonic() < ends, (folder / "log").read_text()[-2000:]
        time.sleep(0.05)


def _folder(run: int) -> Path:
    """In memory where that can be: the monitor syncs what nobody keeps."""
    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else Path(gettempdir())
    return place / f"casevault-radosgw-{run}"


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin"


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


@contextmanager
def running_radosgw(folder: Path) -> Iterator[str]:
    """The address of a gateway with one user, who is known by KEY and SECRET."""
    mon, gateway = _free_ports(2)
    fsid, running = str(uuid4()), []
    (folder / "ceph.conf").write_text(
        CONFIGURATION.format(folder=folder, fsid=fsid, mon=mon, gateway=gateway)
    )
    environment = os.environ | {"PATH": _path(), "CEPH_CONF": str(folder / "ceph.conf")}

    def run(*command: str) -> None:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr

    def start(*command: str) -> subprocess.Popen[bytes]:
        running.append(subprocess.Popen(command, env=environment))
        return running[-1]

    try:
        for part in ("mon", "osd", "rgw"):
            (folder / part).mkdir()
        (folder / "keyring").touch()
        run(
            "monmaptool",
            "--create",
            "--fsid",
            fsid,
            "--addv",
            "a",
            f"[v1:127.0.0.1:{mon}]",
            str(folder / "monmap"),
        )
        run("ceph-mon", "--mkfs", "-i", "a", "--monmap", str(folder / "monmap"))
        start("ceph-mon", "-i", "a", "-f")
        osd = str(uuid4())
        run("ceph", "osd", "new", osd)
        run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        store = start("ceph-osd", "-i", "0", "-f")
        user = [
            "user",
            "create",
            "--uid=tests",
            "--display-name=tests",
            "--access-key",
            KEY,
            "--secret-key",
            SECRET,
        ]
        made = start("radosgw-admin", *user)
        while made.poll() is None:
            if store.poll() is not None:  # it asked the monitor before it knew the cluster's id, and gave up
                store = start("ceph-osd", "-i", "0", "-f")
            time.sleep(0.05)
        assert made.returncode == 0
        start("radosgw", "-n", "client.rgw", "-f")
        url, ends = f"http://127.0.0.1:{gateway}", time.monotonic() + PATIENCE
        while True:
            with suppress(OSError), urlopen(url):
                break
            assert time.monotonic() < ends, "radosgw does not answer"
            time.sleep(0.05)
        yield url
    finally:
        for process in reversed(running):
            process.kill()
            process.wait()


def serve(run: int) -> None:
    """A server runs as long as the process of the run."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    folder = _folder(run)
    try:
        with running_radosgw(folder) as url:
            (folder / "address.new").write_text(url)
            (folder / "address.new").rename(folder / "address")
            while Path(f"/proc/{run}").exists():
                time.sleep(0.2)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
