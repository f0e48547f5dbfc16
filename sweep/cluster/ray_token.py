"""Ray's token, the key to everything that Ray runs: private from its first byte. Knows Ray's rules, imports none of it.

Ray looks in this order: ``RAY_AUTH_TOKEN``, the file named by ``RAY_AUTH_TOKEN_PATH``, ``~/.ray/auth_token``; with
``RAY_AUTH_MODE=disabled`` it asks for none. Left to itself, it writes that last file for all eyes.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from balancing.errors import UserError

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def is_off() -> bool:
    """Whether the environment tells Ray to ask for no token."""
    return os.environ.get("RAY_AUTH_MODE", "token").strip().lower() != "token"


def token_file() -> Path | None:
    """The file that Ray reads its token from; None where the token is in the environment itself."""
    if os.environ.get("RAY_AUTH_TOKEN"):
        return None
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    return Path(named).expanduser() if named else Path.home() / ".ray" / "auth_token"


def make_private(*, create: bool) -> list[str]:
    """Closes the token's file to others, and makes the token where there is none.

    Args:
        create: for a Ray that starts here; one that is joined has its token already.
    Returns:
        What was mended, in sentences.
    Raises:
        UserError: the token can't be written or read.
    """
    path = token_file()
    if is_off() or path is None or os.name != "posix":
        return []
    own_place = not os.environ.get("RAY_AUTH_TOKEN_PATH")
    try:
        if create and not _holds_token(path):
            if not own_place:
                raise UserError(
                    f"RAY_AUTH_TOKEN_PATH must name a file that holds Ray's token, but {path} is missing or empty; "
                    "write a token into it, or unset the variable"
                )
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_private(path, secrets.token_hex(32))
        notes = [_close(path, 0o600, "Ray's token")]
        if own_place:
            notes.append(_close(path.parent, 0o700, "the folder of Ray's token"))
    except OSError as error:
        raise UserError(
            f"Ray's token must be a file that you can read and write, but {path} is not ({error.strerror}); set HOME "
            "to a folder of yours, or RAY_AUTH_TOKEN_PATH to a file that holds a token"
        ) from error
    return [note for note in notes if note]


def where(*, joined: bool) -> str:
    """What a person needs to open the dashboard, in words; asked when Ray has started.

    Args:
        joined: whether Ray runs elsewhere; there it turns authentication on by itself where it finds a token.
    """
    if is_off() or (joined and "RAY_AUTH_MODE" not in os.environ):
        return "it asks for no token, as authentication is off: whoever reaches Ray's ports can run code as you"
    if joined:
        return "log in with the cluster's token"
    path = token_file()
    return f"its token is in {_short(path)}" if path else "its token is in the variable RAY_AUTH_TOKEN"


def _holds_token(path: Path) -> bool:
    return path.is_file() and bool(path.read_text().strip())


def _write_private(path: Path, token: str) -> None:
    """Whole and closed before it has its name: two sweeps that start at once agree on one token."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(token)
    try:
        os.link(temporary, path)
    except FileExistsError:
        if not _holds_token(path):  # else another was quicker
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _close(path: Path, mode: int, name: str) -> str | None:
    """Takes others' rights away where the file is ours, and says so; a mounted secret, say, is somebody else's."""
    if not path.exists():
        return None
    found = path.stat()
    if found.st_uid != os.geteuid() or not found.st_mode & _OTHERS:
        return None
    path.chmod(mode)
    return (
        f"Others on this machine could open {name}, {_short(path)} (mode {stat.S_IMODE(found.st_mode):04o}); it is "
        f"closed now ({mode:04o}). Whoever has read it keeps it: delete the token, and the next start makes a new one."
    )


def _short(path: Path) -> str:
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
