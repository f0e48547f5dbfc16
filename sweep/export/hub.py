"""Uploading an export to the Hugging Face Hub: its own files alone, by the Hub's own library and login."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from balancing.errors import UserError
from sweep.export.folder import CONFIG, FILES, is_export

_LOGIN = "log in by `hf auth login`, or set HF_TOKEN to a token that may write"


@dataclass(frozen=True)
class Upload:
    """What goes where.

    Args:
        folder: of the export.
        files: name -> bytes, of ``folder.FILES`` alone.
        hub_id: ``namespace/name``.
        private: whether a new repository is nobody else's to see.
        revision: the branch; None for the main one.
    """

    folder: Path
    files: dict[str, int]
    hub_id: str
    private: bool = True
    revision: str | None = None

    @property
    def place(self) -> str:
        """``ada/pneumonia, branch v2, private``."""
        branch = f", branch {self.revision}" if self.revision is not None else ""
        return f"{self.hub_id}{branch}, {'private' if self.private else 'public'}"


def check_hub_id(hub_id: str, revision: str | None = None) -> None:
    """Raises UserError where a repository or a branch can't be called so; no network is asked."""
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    example = "give NAMESPACE/NAME, such as ada/pneumonia-resnet18"
    shown = f"'{hub_id[:120]}'" if hub_id.isprintable() else ascii(hub_id[:120])
    if hub_id.count("/") != 1:
        raise UserError(f"HUB_ID is a namespace and a name, but is {shown}; {example}")
    try:
        validate_repo_id(hub_id)
    except HFValidationError as error:
        raise UserError(
            f"{shown} is no id of the Hub (letters, digits, - _ . alone, 96 at most, no -- and ..); {example}"
        ) from error
    wrong = revision is not None and (
        not revision.isprintable()
        or set(revision) & set(" ~^:?*[\\")
        or not revision
        or revision.startswith(("-", "/"))
    )
    if wrong:
        raise UserError(f"--revision {ascii(revision)[:120]} is no name of a branch; give one such as main or v2")


def planned(folder: Path, hub_id: str, *, private: bool = True, revision: str | None = None) -> Upload:
    """What would be uploaded; no network is asked.

    Args:
        folder: that ``sweep export`` wrote.
    Raises:
        UserError: it is none, one of its files is a link or no plain file, or the id can't be.
    """
    check_hub_id(hub_id, revision)
    if not is_export(folder):
        raise UserError(f"{folder} is no export: it has no {CONFIG} of one; give a run, or a folder of `sweep export`")
    sizes = {}
    for name in FILES:
        try:
            found = (folder / name).lstat()
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(found.st_mode):
            raise UserError(f"{folder / name} is a link or no plain file, and is not uploaded; export the run anew")
        sizes[name] = found.st_size
    return Upload(folder, sizes, hub_id, private, revision)


def upload(wanted: Upload, say: Callable[[str], None] = lambda note: None) -> str:
    """Uploads an export as one commit, to a repository that is made where there is none; returns its address.

    The token is that of the Hub's own login or of HF_TOKEN; it is in no message and no file of ours.

    Raises:
        UserError: nobody is logged in, the token may not write there, a repository that was to be private is public, or
            the Hub can't be reached.
    """
    from huggingface_hub import HfApi, get_token

    if get_token() is None:
        raise UserError(f"uploading takes a token of the Hub, and there is none; {_LOGIN}")
    api = HfApi(library_name="balancing-act")
    try:
        say(f"Looking for {wanted.hub_id}")
        api.create_repo(wanted.hub_id, private=wanted.private, repo_type="model", exist_ok=True)
        if wanted.private and not api.repo_info(wanted.hub_id, repo_type="model").private:
            raise UserError(
                f"{wanted.hub_id} is there already and is public; give --public to upload to it, or another HUB_ID"
            )
        if wanted.revision is not None:
            api.create_branch(wanted.hub_id, branch=wanted.revision, repo_type="model", exist_ok=True)
        say(f"Uploading {len(wanted.files)} files")
        made = api.upload_folder(
            repo_id=wanted.hub_id,
            folder_path=wanted.folder,
            allow_patterns=list(wanted.files),
            revision=wanted.revision,
            repo_type="model",
            commit_message="Export of Balancing Act",
        )
    except UserError:
        raise
    except Exception as error:  # of the Hub's library, its HTTP library, or the system's
        raise _in_words(error, wanted) from None  # what it says may hold headers
    return str(getattr(made, "commit_url", wanted.hub_id))


def _in_words(error: Exception, wanted: Upload) -> UserError:
    """One sentence on why the Hub did not take it; nothing of what it answered, which is not ours to print."""
    response: Any = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if status == 401:
        return UserError(f"the Hub does not know this token (401); {_LOGIN}")
    if status == 403:
        namespace = wanted.hub_id.partition("/")[0]
        return UserError(
            f"this token may not write to {wanted.hub_id} (403): it is read-only, or {namespace} is not yours; give a "
            "token that may write, or another HUB_ID"
        )
    if status == 404:
        return UserError(f"the Hub has no {wanted.place} that this token may see (404); check HUB_ID and --revision")
    if status is not None:
        return UserError(f"the Hub refused the upload to {wanted.hub_id} with status {status}; give the command again")
    return UserError(
        f"the Hub can't be reached or the upload to {wanted.hub_id} broke off ({type(error).__name__}); look at the "
        "network, HF_ENDPOINT and HF_HUB_OFFLINE, and give the command again"
    )
