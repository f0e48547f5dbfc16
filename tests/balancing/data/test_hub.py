"""The Hub's loader, run through ``datasets`` on local folders; the network is never touched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from balancing.data.content import Unreadable
from balancing.data.images import load_images
from balancing.data.options import Options
from balancing.data.sources import hub
from balancing.data.sources.hub import HubSource
from balancing.errors import UserError
from tests.balancing.samples import class_folders, hub_table, png, write_files, write_hub_folder

REPOSITORY = "somebody/xrays"
COMMIT = "0123456789" * 4


@pytest.fixture(autouse=True)
def _own_datasets_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


def the_hub_is(monkeypatch: pytest.MonkeyPatch, folder: Path, commit: str = COMMIT) -> list[str]:
    """Lets the Hub's one data set lie in a local folder; returns the log of what is asked."""
    import datasets

    asked: list[str] = []
    load = datasets.load_dataset

    def load_local(path: str, **options: Any) -> Any:
        asked.append(f"load {path} {options.get('revision')}")
        return load(str(folder))

    def commit_of(repository: str, revision: str | None) -> str:
        asked.append(f"commit {repository} {revision}")
        return commit

    monkeypatch.setattr(datasets, "load_dataset", load_local)
    monkeypatch.setattr(hub, "_commit_of", commit_of)
    return asked


def the_hub_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets
    import huggingface_hub

    def gone(*_: Any, **__: Any) -> Any:
        raise ConnectionError("Name or service not known")

    monkeypatch.undo()
    monkeypatch.setattr(datasets, "load_dataset", gone)
    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", gone)


def test_datasets_gives_what_reading_the_parquet_gives(tmp_path: Path) -> None:
    folder = write_hub_folder(tmp_path / "set", {"train": 3, "validation": 1, "test": 2})
    source = HubSource(str(folder), None, Options())
    listing, contents = source.listing(), list(source.contents())
    direct = load_images(str(folder), image_size=12)
    assert listing.names == direct.names.tolist()
    assert listing.splits == direct.splits.tolist()
    assert listing.labels == direct.labels.tolist()
    assert listing.class_names == direct.class_names
    assert contents[:6] == [png(i) for i in range(6)]
    assert source.identity() == HubSource(str(folder), None, Options()).identity()


def test_an_image_folder_through_datasets(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "set", class_folders(2, ("train", "test")))
    source = HubSource(str(folder), None, Options())
    listing, contents = source.listing(), list(source.contents())
    assert listing.names == ["n0.png", "n1.png", "p0.png", "p1.png"] * 2
    assert listing.class_names == ("NORMAL", "PNEUMONIA")
    data = [content.read_bytes() if isinstance(content, Path) else content for content in contents]
    assert data == [png(i) for i in range(8)]


def test_a_hub_id_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_hub_folder(tmp_path / "set", {"train": 3, "test": 2})
    asked = the_hub_is(monkeypatch, folder)
    cache = tmp_path / "cache"
    first = load_images(f"{REPOSITORY}@main", image_size=12, cache_dir=cache)
    assert asked == [f"commit {REPOSITORY} main", f"load {REPOSITORY} {COMMIT}"]
    direct = load_images(str(folder), image_size=12, cache_dir=cache)
    assert first.fingerprint == direct.fingerprint
    assert first.source == f"{REPOSITORY}@main"

    asked.clear()
    second = load_images(f"{REPOSITORY}@main", image_size=12, cache_dir=cache)
    assert asked == [f"commit {REPOSITORY} main"]  # the same commit: nothing is downloaded or decoded
    assert second.pixels_path == first.pixels_path

    the_hub_is_gone(monkeypatch)
    third = load_images(f"{REPOSITORY}@main", image_size=12, cache_dir=cache)
    assert third.pixels_path == first.pixels_path
    assert third.notes[0].startswith("The Hub could not be asked, so the images decoded on 20")
    with pytest.raises(UserError, match="the Hub cannot be reached"):
        load_images(f"{REPOSITORY}@main", image_size=13, cache_dir=cache)


def test_a_commit_or_offline_mode_asks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = the_hub_is(monkeypatch, write_hub_folder(tmp_path / "set", {"train": 3}))
    for source in (f"{REPOSITORY}@{COMMIT}", REPOSITORY):
        first = load_images(source, image_size=12, cache_dir=tmp_path / "cache")
        asked.clear()
        if source == REPOSITORY:
            monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        again = load_images(source, image_size=12, cache_dir=tmp_path / "cache")
        assert again.pixels_path == first.pixels_path
        assert asked == []
        assert not any("could not be asked" in note for note in again.notes)


def test_a_new_commit_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    the_hub_is(monkeypatch, write_hub_folder(tmp_path / "one", {"train": 3}))
    first = load_images(REPOSITORY, image_size=12, cache_dir=tmp_path / "cache")
    the_hub_is(monkeypatch, write_hub_folder(tmp_path / "two", {"train": 4}), commit="f" * 40)
    # the patched load_dataset above would otherwise still lead to the first folder
    import datasets

    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: {"train": datasets.Dataset(_table(4))})
    second = load_images(REPOSITORY, image_size=12, cache_dir=tmp_path / "cache")
    assert (len(first), len(second)) == (6, 8)


def _table(count: int) -> Any:
    import datasets

    table = hub_table([None] * 2 * count, [png(i) for i in range(2 * count)], [0, 1] * count)
    features = datasets.Features.from_arrow_schema(table.schema)
    return datasets.table.InMemoryTable(table.replace_schema_metadata(features.arrow_schema.metadata))


def test_splits_by_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def loaded(*keys: str) -> None:
        monkeypatch.setattr(
            datasets, "load_dataset", lambda *_, **__: {key: datasets.Dataset(_table(2)) for key in keys}
        )

    loaded("full")
    assert set(HubSource(str(tmp_path), None, Options()).listing().splits) == {"train"}
    loaded("test", "training", "valid", "extra")
    listing = HubSource(str(tmp_path), None, Options()).listing()
    assert listing.splits == ["train"] * 4 + ["validation"] * 4 + ["test"] * 4
    assert listing.notes == (
        "Splits that are neither train, validation nor test are left out: extra (4 images); "
        "--split-map NAME=test says what one is.",
    )
    loaded("a", "b")
    with pytest.raises(UserError, match="has no split named train, validation or test, but a, b"):
        HubSource(str(tmp_path), None, Options()).listing()


def test_the_local_folder_wins_over_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = the_hub_is(monkeypatch, tmp_path)
    write_hub_folder(tmp_path / "somebody" / "xrays", {"train": 2})
    monkeypatch.chdir(tmp_path)
    assert len(load_images(REPOSITORY, image_size=12)) == 4
    assert asked == []


def _http_error(kind: str) -> Exception:
    import huggingface_hub.errors

    return getattr(huggingface_hub.errors, kind).__new__(getattr(huggingface_hub.errors, kind))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("RepositoryNotFoundError", "the Hub has no data set 'somebody/xrays@v2' that can be read, and no such path"),
        ("RevisionNotFoundError", "the data set 'somebody/xrays' has no revision 'v2'; check its spelling"),
        ("GatedRepoError", "the data set 'somebody/xrays@v2' is gated: ask for access"),
        (
            "",
            r"the Hub cannot be reached for 'somebody/xrays@v2' \(no route\); download it on a machine that can \(hf "
            r"download --repo-type dataset somebody/xrays --revision v2 --local-dir FOLDER\) and give the folder",
        ),
    ],
)
def test_what_the_hub_refuses(monkeypatch: pytest.MonkeyPatch, kind: str, sentence: str) -> None:
    import huggingface_hub

    def refuse(*_: Any, **__: Any) -> Any:
        raise _http_error(kind) if kind else OSError("no route")

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", refuse)
    with pytest.raises(UserError, match=sentence) as caught:
        load_images(f"{REPOSITORY}@v2", image_size=12)
    assert caught.value.__suppress_context__ or caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            RuntimeError("Dataset scripts are no longer supported, but found x.py"),
            "needs code of its own to be run, which",
        ),
        (ValueError("Config name is missing.\nPlease pick one"), "holds several data sets"),
        (ConnectionError("gone"), r"the Hub cannot be reached for 'x/y' \(gone\)"),
        (OSError("disk"), r"datasets cannot load 'x/y' \(OSError: disk\); download it on a machine that can"),
    ],
)
def test_what_datasets_refuses(monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str) -> None:
    import datasets

    def refuse(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(datasets, "load_dataset", refuse)
    with pytest.raises(UserError, match=sentence):
        hub._load_dataset("x/y", None)


def test_a_folder_without_data_through_datasets(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError):
        hub._load_dataset(str(tmp_path / "empty"), None)


def test_a_column_is_named_for_the_hub_too(tmp_path: Path) -> None:
    table = hub_table([None] * 4, [png(i) for i in range(4)], [0, 1, 0, 1], extra={"target": [0, 0, 1, 1]})
    (tmp_path / "set").mkdir()
    pq.write_table(table, tmp_path / "set" / "train.parquet")
    folder = str(tmp_path / "set")
    assert HubSource(folder, None, Options()).listing().labels == [0, 1, 0, 1]  # the one with class names
    assert HubSource(folder, None, Options(label_column="target")).listing().labels == [0, 0, 1, 1]
    patients = HubSource(folder, None, Options(patient_column="target")).listing().patients
    assert patients == ["0", "0", "1", "1"]
    with pytest.raises(UserError, match=r"has no column 'labl' \(--label-column\); did you mean 'label'"):
        HubSource(folder, None, Options(label_column="labl")).listing()


def test_a_path_in_a_hub_table_stays_in_its_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a Hub id, too: what ``datasets`` fetched for it is read, other files of this machine are not."""
    secret, own = tmp_path / "secret.png", tmp_path / "hub" / "datasets--someone--xrays" / "own.png"
    own.parent.mkdir(parents=True)
    for path in (secret, own):
        path.write_bytes(png(7))
    folder = tmp_path / "set"
    folder.mkdir()
    table = hub_table([str(secret), str(own), "c.png"], [None, None, png(1)], [0, 1, 0])
    pq.write_table(table, folder / "train-00000-of-00001.parquet")
    the_hub_is(monkeypatch, folder)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    outside, inside, _ = HubSource("someone/xrays", None, Options()).contents()
    assert isinstance(outside, Unreadable)
    assert "leads out of the data's folder" in outside.reason
    assert inside == own


@pytest.mark.parametrize("word", ["pandas", "csv", "json", "parquet", "text", "imagefolder", "webdataset@main"])
def test_a_reader_of_datasets_is_no_hub_id(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, word: str) -> None:
    import datasets

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(UserError, match="is the name of a reader of datasets"):
        load_images(word, image_size=12)


def test_every_reader_of_this_datasets_is_known() -> None:
    from datasets import packaged_modules

    assert hub.packaged_readers() >= set(packaged_modules._PACKAGED_DATASETS_MODULES) | {"pandas"}
