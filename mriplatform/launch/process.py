"""Starting a program so that it never outlives the process that started it."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

TETHER = Path(__file__).with_name("tether.py")


def start_tethered(
    command: Sequence[str],
    *,
    death_signal: int,
    folder: Path,
    environment: Mapping[str, str],
    user_id: int | None = None,
    output: int | IO[bytes] | None = None,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    keep_open: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start `command` in `folder`; it gets `death_signal` when the calling thread ends, however it ends.

    Args:
        user_id: the user, and group, to become first; needs root.
        output: where stdout and stderr go; inherited by default.
        keep_open: file descriptors that the program inherits.

    The program is in a session of its own, so a Ctrl-C at the terminal reaches it only through its parent.
    """
    wrapped = [sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), str(int(death_signal))]
    options: dict[str, Any] = {"stdout": output, "stderr": output} if output is not None else {}
    return subprocess.Popen(
        [*wrapped, str(-1 if user_id is None else user_id), *command],
        cwd=folder,
        env=dict(environment),
        stdin=stdin,
        pass_fds=tuple(keep_open),
        start_new_session=True,
        **options,
    )
