"""A PostgreSQL of the tests' own: on loopback, in a temporary folder, under a user that may run one."""

from __future__ import annotations

import functools
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

PROGRAMS = "initdb pg_ctl postgres".split()
# a commit that needs no disk: what is tested is what happens to connections and processes
_FAST = "-c fsync=off -c full_page_writes=off"
MISSING = "PostgreSQL is not installed (apt-get install postgresql): the shared ledger was NOT tested"


@functools.cache
def programs() -> Path | None:
    """The folder of the newest server's programs; Debian keeps them off the PATH."""
    on_path = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: int(each.parent.name), reverse=True)
    found = [*debian, *([Path(on_path).parent] if on_path else [])]
    return next((each for each in found if all((each / name).exists() for name in PROGRAMS)), None)


def _user() -> str:
    """Who runs it: the server refuses root."""
    if os.geteuid():
        return ""
    import pwd

    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise AssertionError("no user but root")


class PostgresServer:
    """One server with a password, which can be killed and started again on the same port."""

    PASSWORD = "pw-Very+Secret/9"

    def __init__(self, options: str = _FAST) -> None:
        bin_folder = programs()
        assert bin_folder, MISSING
        self._bin = bin_folder
        self._options = options
        self._user = _user()
        self.folder = Path(tempfile.mkdtemp(prefix="sora-postgres-"))
        if self._user:
            shutil.chown(self.folder, self._user)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        password = self.folder / "password"
        password.write_text(self.PASSWORD)
        password.chmod(0o644)
        self._run("initdb", "-D", self._data, "-U", "sora", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C",
                  "--no-sync", f"--pwfile={password}")  # fmt: skip
        self.start()

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def url(self, database: str = "postgres", *, port: int | None = None) -> str:
        return f"postgresql://sora:{self.PASSWORD.replace('/', '%2F')}@127.0.0.1:{port or self.port}/{database}"

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.folder} {self._options}"
        self._run("pg_ctl", "start", "-w", "-D", self._data, "-l", str(self.folder / "log"), "-o", options)

    def kill(self) -> None:
        """As a machine that goes off: nothing is said to anybody."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", self._data)

    def close(self) -> None:
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", self._data, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        before = ["setpriv", f"--reuid={self._user}", "--regid=nogroup", "--clear-groups"] if self._user else []
        done = subprocess.run(
            [*before, str(self._bin / program), *arguments], cwd="/", check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{program}: {done.stderr}"
