"""A Slurm of one node on this machine, for tests: munge, the controller and the node's daemon.

Needs Debian's packages slurm-wlm and munge, whose own services may stay off; works without systemd
and without an accounting database, and writes nothing outside its folder. By hand:

    python tests/workflow/one_node_slurm.py /tmp/slurm      # until Ctrl-C

and in another shell `. /tmp/slurm/environment.sh` before Slurm's or Snakemake's commands.
"""

import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "squeue", "scontrol")
SYSTEM = "/usr/sbin:/sbin"
LOOPBACK = "127.0.0.1"
#: Left to the machine's other processes; more than slurmd finds makes a node invalid.
SPARE_MB = 512

CONF = """\
ClusterName=one
SlurmctldHost={host}({loopback})
SlurmUser={user}
SlurmdUser={user}
AuthInfo=socket={root}/munge.socket
SlurmctldPort=16917
SlurmdPort=16918
{bind}
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
# no cgroups are asked for: a job over its memory is found by counting, every second
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# starts jobs at once
SchedulerParameters=sched_min_interval=100000,batch_sched_delay=0,bf_interval=1
AccountingStorageType=accounting_storage/none
MailProg=/bin/true
ReturnToService=2
# a job that no node can hold is refused instead of pending for ever
EnforcePartLimits=ALL
# without accounting, only the queue remembers what became of a job
MinJobAge=86400
KillWait=3
GresTypes=gpu
# the node may claim more processors than there are
SlurmdParameters=config_overrides
NodeName={host} NodeAddr={loopback} CPUs=8 RealMemory={memory} Gres=gpu:1 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=1-00:00:00 DefMemPerCPU=500 State=UP
"""

# Slurm's job steps are started by Snakemake's plugin without SLURM_CONF; this puts it back.
SRUN = """\
#!/bin/sh
SLURM_CONF={root}/slurm.conf exec {srun} "$@"
"""

# Without accounting sacct knows nothing, and the plugin forgets its jobs: let the queue answer.
SACCT = """\
#!/bin/sh
while [ $# -gt 0 ]; do
    case $1 in --name) name=$2 ;; --name=*) name=${1#*=} ;; esac
    shift
done
[ -z "$name" ] || exec squeue --states=all --noheader --format='%i|%T' --name "$name"
"""


def missing_programs() -> list[str]:
    """The programs of Slurm and munge that are not installed."""
    return [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]


@contextmanager
def one_node_slurm(root: Path) -> Iterator[dict[str, str]]:
    """A running Slurm; gives the environment in which its commands find it.

    root: a new folder with a short path (a socket's may have 108 characters). Its one GPU is
    pretended. All jobs are cancelled, and all daemons ended, when the context is left.
    """
    _write_files(root)
    environment = {"SLURM_CONF": str(root / "slurm.conf"), "PATH": f"{root}/bin:{_path()}"}
    with ExitStack() as daemons:

        def start(*command: object) -> None:
            daemons.enter_context(_daemon(root, environment, *map(str, command)))

        def answer(*command: str) -> str:
            asked = subprocess.run(
                command, env=os.environ | environment, capture_output=True, text=True
            )
            return asked.stdout

        start(
            *("munged", "--foreground", "--key-file", root / "munge.key"),
            *("--socket", root / "munge.socket", "--pid-file", root / "munged.pid"),
            *("--log-file", root / "munged.log", "--seed-file", root / "munge.seed"),
        )
        _wait((root / "munge.socket").exists, "munge made no socket", root)
        start("slurmctld", "-D")
        _wait(lambda: " UP" in answer("scontrol", "ping"), "the controller is not up", root)
        start("slurmd", "-D", "-N", _host())
        _wait(lambda: "idle" in answer("sinfo", "-h", "-o", "%T"), "the node is not up", root)
        yield environment
        answer("scancel", "--user", _user())
        with suppress(TimeoutError):  # those that do not end are ended with their node
            _wait(lambda: not answer("squeue", "-h"), "jobs do not end", root)


def _write_files(root: Path) -> None:
    for folder in ("state", "spool", "bin"):
        (root / folder).mkdir(parents=True)
    root.chmod(0o755)  # munge's clients may be of any user
    key = root / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(128))
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20 - SPARE_MB
    conf = CONF.format(
        **{"root": root, "host": _host(), "user": _user(), "loopback": LOOPBACK},
        **{"memory": memory, "bind": _bind()},
    )
    (root / "slurm.conf").write_text(conf)
    (root / "gres.conf").write_text(f"AutoDetect=off\nNodeName={_host()} Name=gpu File=/dev/null\n")
    (root / "cgroup.conf").touch()
    srun = SRUN.format(root=shlex.quote(str(root)), srun=shutil.which("srun", path=_path()))
    for name, script in (("srun", srun), ("sacct", SACCT)):
        (root / "bin" / name).write_text(script)
        (root / "bin" / name).chmod(0o755)
    (root / "environment.sh").write_text(
        f"export SLURM_CONF={shlex.quote(str(root / 'slurm.conf'))}\n"
        f'export PATH={shlex.quote(str(root / "bin"))}:"$PATH"\n'
    )


def _bind() -> str:
    """Listen on loopback alone, where the host's name means that: srun looks the name up."""
    try:
        is_loopback = socket.gethostbyname(_host()) == LOOPBACK
    except OSError:
        is_loopback = False
    return "CommunicationParameters=NoCtldInAddrAny,NoInAddrAny" if is_loopback else ""


@contextmanager
def _daemon(root: Path, environment: dict[str, str], *command: str) -> Iterator[None]:
    with open(root / f"{command[0]}.out", "w") as output:
        process = subprocess.Popen(
            [shutil.which(command[0], path=_path()) or command[0], *command[1:]],
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(condition, failure: str, root: Path, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            ends = [path.read_text()[-1000:] for path in sorted(root.glob("*.out"))]
            raise TimeoutError("\n".join([failure, *ends]))
        time.sleep(0.1)


def _host() -> str:
    return socket.gethostname().partition(".")[0]


def _user() -> str:
    return subprocess.run(["id", "-un"], check=True, capture_output=True, text=True).stdout.strip()


def _path() -> str:
    return f"{os.environ['PATH']}:{SYSTEM}"


if __name__ == "__main__":
    folder = Path(sys.argv[1]).resolve()
    with suppress(KeyboardInterrupt), one_node_slurm(folder):
        print(f". {shlex.quote(str(folder / 'environment.sh'))}", flush=True)
        while True:
            time.sleep(3600)
