"""MLflow: each trial a run under the sweep's own, in a SQLite file beside the run or on a server."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shlex
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balancing.errors import UserError
from sweep.trackers.asked import PROJECT, Asked
from sweep.trackers.secrets import without_secrets
from sweep.trackers.what import RunTold, TrialTold

if TYPE_CHECKING:
    from mlflow import MlflowClient

_FILE = "mlflow.db"
_ARTEFACTS = "mlflow-artifacts"
_KEY, _RUN, _DIGEST, _EPOCHS = (f"balancing_act.{name}" for name in ("key", "run", "digest", "epochs"))
_PARENT = "mlflow.parentRunId"
_STATES = {"running": "RUNNING", "failed": "FAILED", "diverged": "FAILED", "interrupted": "KILLED"}
_MOST = 90  # parameters of one request, and tags of one; MLflow takes 100
_LONGEST = 6000  # letters of a parameter
_PAGE = 1000  # metrics of one request, and runs of one answer
_FORBIDDEN = re.compile(r"[^\w\-. :/]")  # in names of metrics, parameters and tags


def open_mlflow(asked: Asked, run_path: Path, run_id: str) -> MlflowTracker:
    """MLflow's store, made where there is none, and the experiment in it.

    Raises:
        UserError: an address that MLflow has no store for any more, or one that can't be opened.
    """
    uri = asked.uri or os.environ.get("MLFLOW_TRACKING_URI", "")
    uri, artefacts = _store(uri, run_path)
    name = asked.project or os.environ.get("MLFLOW_EXPERIMENT_NAME", "") or PROJECT
    _be_quiet()
    with _known_warnings():
        try:
            from mlflow import MlflowClient

            client = MlflowClient(tracking_uri=uri)
            found = client.get_experiment_by_name(name)
            if found is not None and found.lifecycle_stage != "active":
                raise UserError(
                    f"experiment {name!r} was deleted in MLflow; restore it there, or give another by --experiment"
                )
            experiment = client.create_experiment(name, artefacts) if found is None else found.experiment_id
        except UserError:
            raise
        except Exception as error:  # whatever a library, a driver or a server can raise
            raise UserError(_failure(uri, error)) from None
    return MlflowTracker(client, str(experiment), run_id, uri)


def _failure(uri: str, error: Exception) -> str:
    told = without_secrets(str(error)).strip().splitlines()
    return (
        f"MLflow's store {without_secrets(uri)} can't be opened ({type(error).__name__}"
        f"{': ' + told[0][:200] if told else ''}); look after it, or give another by --uri"
    )


def _store(uri: str, run_path: Path) -> tuple[str, str | None]:
    """MLflow's address of a store, and where its artefacts lie (None: that is the server's affair).

    Args:
        uri: a folder, an address of a database or a server; "" for a file beside the run.
    """
    scheme, separator, _ = uri.partition("://")
    if (separator and scheme == "file") or uri.startswith("file:"):
        raise UserError(
            f"MLflow retired stores of plain files, such as {without_secrets(uri)}; give the folder alone, where a "
            "SQLite file will be, or a database or server"
        )
    if separator and not scheme.startswith("sqlite"):
        return uri, None
    if separator:
        path = Path(uri.split(":///", 1)[-1])
        return uri, (path.absolute().parent / _ARTEFACTS).as_uri()
    if uri in ("databricks", "uc", "databricks-uc"):
        return uri, None
    folder = Path(uri).expanduser().absolute() if uri else run_path.absolute().parent
    if set("?%") & set(str(folder)):  # mean something else in an address of SQLite, and the file would lie elsewhere
        raise UserError(f"MLflow can't keep a file in {folder}, whose name holds a ? or a %; give another by --uri")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"--uri {folder} can't be made ({(error.strerror or 'see the folder').lower()}); give another folder"
        ) from error
    return f"sqlite:///{folder / _FILE}", (folder / _ARTEFACTS).as_uri()


def _be_quiet() -> None:
    """No telemetry, no progress bars, no messages of how a database is made; before the library is imported."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


@contextlib.contextmanager
def _known_warnings() -> Iterator[None]:
    """Without the warnings of MLflow's own code about what it uses of others."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The ``noload`` loader strategy is deprecated")
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"(mlflow|google|sqlalchemy|alembic)\b")
        warnings.filterwarnings("ignore", category=ResourceWarning, message="unclosed database")
        yield


class MlflowTracker:
    """A run in MLflow; see ``sweep.trackers.tracker.Tracker``."""

    def __init__(self, client: MlflowClient, experiment: str, run_id: str, uri: str):
        self._client, self._experiment, self._run = client, experiment, run_id
        self._there: dict[str, Any] = {}
        self.place = without_secrets(uri)
        server = uri.startswith(("http://", "https://"))
        self.look = self.place if server else f"mlflow ui --backend-store-uri {shlex.quote(self.place)}"

    def known(self) -> Mapping[str, str]:
        """See ``Tracker``."""
        with _known_warnings():
            self._there = {found.data.tags[_KEY]: found for found in self._search(f"tags.`{_RUN}` = '{self._run}'")}
        return {key: found.data.tags.get(_DIGEST, "") for key, found in self._there.items()}

    def _search(self, what: str) -> list[Any]:
        found, token = [], None
        while True:
            page = self._client.search_runs([self._experiment], what, max_results=_PAGE, page_token=token)
            found += [one for one in page if _KEY in one.data.tags]
            token = page.token
            if not token:
                return found

    def sweep(self, told: RunTold) -> None:
        """See ``Tracker``."""
        with _known_warnings():
            found = self._made(told.key, told.name, told.began, told.tags, None)
            run_id = found.info.run_id
            with tempfile.TemporaryDirectory() as folder:
                for name, file in told.files.items():
                    path = file
                    if isinstance(path, str):
                        path = Path(folder) / Path(name).name
                        path.write_text(str(file), encoding="utf-8")
                    self._client.log_artifact(run_id, str(path), "/".join(Path(name).parts[:-1]) or None)
            self._end(run_id, told.state, told.ended, {**_named(told.tags), _DIGEST: told.digest})

    def trial(self, told: TrialTold) -> None:
        """See ``Tracker``."""
        with _known_warnings():
            sure = self._there.get(told.key)
            if sure is not None and not _goes_on(sure.data.tags.get(_EPOCHS, ""), told):
                self._client.delete_run(sure.info.run_id)  # it was trained anew, from the beginning
                del self._there[told.key]
            found = self._made(told.key, told.name, told.began, told.tags, self._there[self._run].info.run_id)
            run_id, before = found.info.run_id, found.data.tags.get(_EPOCHS, "")
            begun = int(before.partition(":")[0] or 0)
            metrics = [(n, v, at, e) for e, at, numbers in told.epochs[begun:] for n, v in numbers.items()]
            at = next((at for number, at, _ in told.epochs if number == told.best_epoch), told.began)
            metrics += [(n, v, at, told.best_epoch) for n, v in told.best.items()]
            if told.best_epoch:
                metrics.append(("best_epoch", float(told.best_epoch), at, told.best_epoch))
            self._tell(run_id, metrics, told.parameters if not before else {})
            marks = {_EPOCHS: _epochs(told), _DIGEST: told.digest}
            self._end(run_id, told.state, told.ended, {**_named(told.tags), **marks})
            found.data.tags[_EPOCHS] = marks[_EPOCHS]

    def close(self) -> None:
        """See ``Tracker``: every request was answered."""

    def _made(self, key: str, name: str, began: float, tags: Mapping[str, str], parent: str | None) -> Any:
        """MLflow's run of a key; another process may have made it since ``known``."""
        if key not in self._there:
            found = self._search(f"tags.`{_KEY}` = '{key}'")
            own = {_KEY: key, _RUN: self._run, **({_PARENT: parent} if parent else {})}
            self._there[key] = (
                found[0]
                if found
                else self._client.create_run(
                    self._experiment,
                    start_time=_milliseconds(began) or None,
                    tags={**_named(tags), **own},
                    run_name=name,
                )
            )
        return self._there[key]

    def _tell(
        self, run_id: str, metrics: Sequence[tuple[str, float, float, int]], parameters: Mapping[str, Any]
    ) -> None:
        from mlflow.entities import Metric, Param

        numbers = [Metric(_name(n), value, _milliseconds(at), step) for n, value, at, step in metrics]
        named = [Param(_name(key), str(value)[:_LONGEST]) for key, value in parameters.items()]
        for start in range(0, len(named), _MOST):
            self._client.log_batch(run_id, params=named[start : start + _MOST])
        for start in range(0, len(numbers), _PAGE):
            self._client.log_batch(run_id, numbers[start : start + _PAGE])

    def _end(self, run_id: str, state: str, ended: float, tags: Mapping[str, str]) -> None:
        """The digest is among the last tags: what was told in part only is told again."""
        from mlflow.entities import RunTag

        status = _STATES.get(state, "FINISHED")
        if status == "RUNNING":
            self._client.update_run(run_id, status)
        else:
            self._client.set_terminated(run_id, status, _milliseconds(ended) or None)
        self._client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])


def _epochs(told: TrialTold) -> str:
    """How many epochs were told, and a mark of the first, by which a training anew is seen."""
    first = f"{told.epochs[0][2]}" if told.epochs else ""
    return f"{len(told.epochs)}:{first[:200]}"


def _goes_on(before: str, told: TrialTold) -> bool:
    """Whether what is told now begins with what was told before."""
    count, _, first = before.partition(":")
    own = _epochs(told).partition(":")[2]
    return not before or count == "0" or (int(count) <= len(told.epochs) and first == own)


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


def _name(name: str) -> str:
    return _FORBIDDEN.sub("_", name)[:250]


def _named(tags: Mapping[str, str]) -> dict[str, str]:
    return {_name(key): value[:5000] for key, value in tags.items()}
