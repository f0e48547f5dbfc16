"""Weights & Biases: each trial a run in the sweep's group; offline, in a folder beside it, unless asked."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from balancing.errors import UserError
from sweep.runs.files import DamagedFile, read_json, write_json
from sweep.trackers.asked import PROJECT, Asked
from sweep.trackers.what import RunTold, TrialTold

MODES = ("offline", "online")
_FOLDER = "wandb"  # within the store; W&B's own name
_LOGGED = "balancing-act.json"  # what was told, for W&B's own files don't say it without a server
_MOST = 64  # letters of one of W&B's tags


def open_wandb(asked: Asked, run_path: Path, run_id: str) -> WandbTracker:
    """W&B's folder, made where there is none.

    Raises:
        UserError: there is no such mode, or the folder can't be made.
    """
    mode = asked.mode or {"online": "online"}.get(os.environ.get("WANDB_MODE", ""), "offline")
    if mode not in MODES:
        raise UserError(f"--mode must be {' or '.join(MODES)}, but is {mode!r}; give one of them")
    server = asked.uri if asked.uri.startswith(("http://", "https://")) else ""
    if server and "@" in server.partition("://")[2].partition("/")[0]:
        raise UserError("--uri of a W&B server holds a login; give the address alone, and the key as WANDB_API_KEY")
    if server and mode == "offline":
        raise UserError("--uri names a server, but W&B is told offline; add --mode online, or give a folder")
    folder = Path(asked.uri).expanduser().absolute() if asked.uri and not server else run_path.absolute().parent
    try:
        (folder / _FOLDER).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"--uri {folder} can't be made ({(error.strerror or 'see the folder').lower()}); give another folder"
        ) from error
    project = asked.project or os.environ.get("WANDB_PROJECT", "") or PROJECT
    return WandbTracker(folder, project, mode, server, f"{run_path.resolve().name} {run_id}"[:128])


@contextlib.contextmanager
def _known_warnings() -> Iterator[None]:
    """Without the warnings of W&B's own code about what it uses of others."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"(wandb|google|pydantic)\b")
        warnings.filterwarnings("ignore", category=ResourceWarning)
        yield


class WandbTracker:
    """A run in W&B; see ``sweep.trackers.tracker.Tracker``."""

    def __init__(self, folder: Path, project: str, mode: str, server: str, group: str):
        self._folder, self._project, self._mode, self._server = folder, project, mode, server
        self._logged = folder / _FOLDER / _LOGGED
        self._group = group
        self._there: dict[str, str] = {}
        self.place = f"{folder / _FOLDER} (offline)" if mode == "offline" else server or "Weights & Biases"
        self.look = (
            f"wandb sync {shlex.quote(str(folder / _FOLDER))}/offline-run-*" if mode == "offline" else self.place
        )

    @property
    def _where(self) -> str:
        return f"{self._mode} {self._project} {self._server}".rstrip()

    def known(self) -> Mapping[str, str]:
        """See ``Tracker``; offline without those whose folder is gone."""
        try:
            found = read_json(self._logged, dict).get(self._where, {})
        except (FileNotFoundError, DamagedFile):
            found = {}
        if self._mode == "offline":
            there = {_key_of(path) for path in self._offline("*")}
            found = {key: digest for key, digest in found.items() if key in there}
        self._there = {str(key): str(digest) for key, digest in found.items()}
        return dict(self._there)

    def sweep(self, told: RunTold) -> None:
        """See ``Tracker``."""
        with self._run(told.key, told.name, "sweep", told, [], {}) as run:
            inside = Path(run.dir)
            for name, file in told.files.items():
                target = inside / name
                target.parent.mkdir(parents=True, exist_ok=True)
                if isinstance(file, str):
                    target.write_text(file, encoding="utf-8")
                else:
                    shutil.copyfile(file, target)
                run.save(str(target), base_path=str(inside), policy="now")

    def trial(self, told: TrialTold) -> None:
        """See ``Tracker``."""
        said = [told.tags["technique"], told.tags["role"], *(["chosen"] if told.tags["chosen"] == "yes" else [])]
        with self._run(told.key, told.name, "trial", told, said, told.parameters) as run:
            for number, _, numbers in told.epochs:
                run.log({**numbers, "epoch": number}, step=number)
            run.summary.update({**told.best, **({"best_epoch": told.best_epoch} if told.best_epoch else {})})

    @contextlib.contextmanager
    def _run(
        self,
        key: str,
        name: str,
        kind: str,
        told: RunTold | TrialTold,
        said: Sequence[str],
        parameters: Mapping[str, Any],
    ) -> Iterator[Any]:
        """One of W&B's runs, open; its digest is noted when all is told."""
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        with _known_warnings():
            import wandb

            older = list(self._offline(key)) if self._mode == "offline" else []
            run = wandb.init(
                project=self._project,
                dir=str(self._folder),
                id=key,
                name=name,
                group=self._group,
                job_type=kind,
                tags=[tag[:_MOST] for tag in said],
                config={**parameters, **{tag: value for tag, value in told.tags.items() if tag not in parameters}},
                mode=self._mode,  # type: ignore[arg-type] # one of MODES
                resume="allow" if self._mode == "online" else None,
                reinit="create_new",
                settings=self._settings(),
            )
            failed = True
            try:
                yield run
                failed = getattr(told, "state", "") in ("failed", "diverged")
            finally:
                run.finish(exit_code=int(failed))
        for path in older:
            if path.resolve() != Path(run.dir).resolve().parent:
                _forget(path)
        self._there[key] = told.digest
        self._note()

    def _settings(self) -> Any:
        """Nothing of this machine, its user, its programs or its files."""
        import wandb

        where: dict[str, Any] = {"base_url": self._server} if self._server else {}
        return wandb.Settings(
            console="off",
            silent=True,
            disable_git=True,
            disable_code=True,
            save_code=False,
            disable_job_creation=True,
            host="",
            program="sweep",
            init_timeout=60,
            x_disable_meta=True,
            x_disable_stats=True,
            x_disable_machine_info=True,
            x_save_requirements=False,
            **where,
        )

    def _offline(self, key: str) -> Iterator[Path]:
        """Folders of offline runs of a key; ``*`` of all."""
        for path in sorted((self._folder / _FOLDER).glob("offline-run-*")):
            if _key_of(path) and key in ("*", _key_of(path)) and path.is_dir() and not path.is_symlink():
                yield path

    def _note(self) -> None:
        try:
            found = read_json(self._logged, dict)
        except (FileNotFoundError, DamagedFile):
            found = {}
        write_json(self._logged, {**found, self._where: {**found.get(self._where, {}), **self._there}})

    def close(self) -> None:
        """See ``Tracker``: ends W&B's own process."""
        with _known_warnings():
            import wandb

            wandb.teardown()


def _key_of(path: Path) -> str:
    """The key in a folder's name; "" where that is of no offline run. One begun in the same second has a number."""
    found = re.fullmatch(r"offline-run-\d{8}_\d{6}-(.+?)(?:-\d{1,3})?", path.name)
    return found[1] if found else ""


def _forget(path: Path) -> None:
    """Removes an older offline folder of a run that was told anew; what was sent to a server already is left."""
    if not list(path.glob("*.wandb.synced")):
        shutil.rmtree(path, ignore_errors=True)
