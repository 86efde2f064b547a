"""Becomes another program that dies with its parent, as another user where the parent is root.

Run by path in an isolated interpreter, so it may import the standard library only:

    python -I -S tether.py PARENT_PID SIGNAL USER_ID PROGRAM ARGUMENT...

USER_ID is -1 to stay who one is. The kernel forgets the parent-death signal when a process changes its user,
so that comes first; the parent may have died before the signal was asked for, so that is looked at last.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def drop_root(user_id: int) -> None:
    os.setgroups([])
    os.setgid(user_id)
    os.setuid(user_id)


def die_with_parent(parent: int, signal_number: int) -> None:
    """Ask the kernel for `signal_number` at the death of the parent's thread. Only Linux has this."""
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")
    if os.getppid() != parent:
        sys.exit("The process that asked for this one is gone.")


def main(arguments: list[str]) -> None:
    parent, signal_number, user_id = (int(argument) for argument in arguments[:3])
    if user_id >= 0:
        drop_root(user_id)
    die_with_parent(parent, signal_number)
    os.execvp(arguments[3], arguments[3:])  # noqa: S606 - to become it is the purpose


if __name__ == "__main__":
    main(sys.argv[1:])
