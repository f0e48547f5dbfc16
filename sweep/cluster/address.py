"""Whether a Ray cluster may be at an address, asked before anything is made or read. Imports nothing of Ray."""

from __future__ import annotations

import socket

from balancing.errors import UserError

_CONNECT_SECONDS = 5.0


def no_ray(address: str, reason: str) -> UserError:
    """The error where nobody answers."""
    return UserError(
        f"no Ray cluster answers at --address {address[:100]} ({reason}); start one by `ray start --head`, or leave "
        "--address away to run on this machine"
    )


def check_address(address: str | None) -> None:
    """Asks an address for a connection: Ray itself would wait for minutes.

    Args:
        address: ``auto``, HOST:PORT, or None for a Ray that starts here.
    Raises:
        UserError: it is neither, or nobody listens there.
    """
    if address is None or address == "auto":
        return
    if address.startswith("ray://"):
        raise UserError(
            f"--address {address} is a Ray Client address, through which records can't be written; submit the sweep as "
            "a job on the cluster: `ray job submit -- sweep run ... --address auto`"
        )
    host, _, port = address.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        raise UserError(
            f"--address must be 'auto' or HOST:PORT, but is '{address[:100]}'; Ray's port is 6379 by default"
        )
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()
    except (OSError, UnicodeError) as error:  # a name that is none can't even be looked up
        raise no_ray(address, str(error)) from error
