"""Parquet, .arrow of save_to_disk and the Hub's tables: names, types and columns reconciled across files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from balancing.data.options import Options
from balancing.data.sources import hub
from balancing.errors import UserError
from tests.balancing.data.sources.drawn import counts, draw, load, noted
from tests.balancing.samples import hub_table, png


def images(n: int, first: int = 0) -> list[bytes]:
    return [png(first + i) for i in range(n)]


def write(path: Path, **columns: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def words_of(found: Any) -> list[str]:
    return [found.class_names[label] for label in found.labels]


def test_class_names_in_another_order_are_told_by_name(tmp_path: Path) -> None:
    pq.write_table(hub_table([None] * 4, images(4), [0, 1, 1, 1], ["MEL", "NV"]), tmp_path / "train.parquet")
    pq.write_table(hub_table([None] * 4, images(4, 9), [0, 0, 0, 1], ["NV", "MEL"]), tmp_path / "test.parquet")
    found = load(tmp_path)
    assert words_of(found) == ["MEL", "NV", "NV", "NV", "NV", "NV", "NV", "MEL"]
    assert noted(found, "don't number the classes of column 'label' alike: they are told by name")


def test_class_names_in_one_file_and_words_in_another(tmp_path: Path) -> None:
    pq.write_table(hub_table([None] * 2, images(2), [0, 1], ["b", "a"]), tmp_path / "train.parquet")
    write(tmp_path / "test.parquet", image=images(2, 9), label=["a", "b"])
    assert words_of(load(tmp_path)) == ["b", "a", "a", "b"]
    write(tmp_path / "test.parquet", image=images(2, 9), label=[0, 1])
    with pytest.raises(
        UserError, match=r"has names for its numbers in train.parquet, but plain numbers, such as 0, in test"
    ):
        load(tmp_path)


def test_columns_that_differ_do_not_matter_where_the_needed_ones_are_there(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", image=images(2), label=["a", "b"], age=[1, 2])
    write(tmp_path / "test.parquet", label=["a", "b"], image=images(2, 9), sex=["f", "m"])
    assert counts(load(tmp_path), "test") == {"a": 1, "b": 1}


def test_patients_of_any_type_are_equal_across_files(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", image=images(3), label=["a", "b", "a"], patient_id=[12, 13, 14])
    write(
        tmp_path / "validation.parquet",
        image=images(3, 9),
        label=["a", "b", "a"],
        patient_id=[12.0, float("nan"), 14.0],
    )
    write(
        tmp_path / "test.parquet", image=images(4, 20), label=["a", "b", "a", "b"], patient_id=["12", "", "14.0", "nan"]
    )
    found = load(tmp_path)
    assert found.patients is not None
    by_split = {s: set(found.patients[found.splits == s].tolist()) for s in ("train", "validation", "test")}
    assert by_split["train"] == {"12", "13", "14"}
    assert {"12", "14"} < by_split["validation"]
    assert {"12", "14"} < by_split["test"]
    assert (len(by_split["validation"]), len(by_split["test"])) == (3, 4)  # unknown ones are a patient each
    assert noted(found, "Patients are told by column 'patient_id'")
    assert load(tmp_path, patient_column="none").patients is None


def test_a_column_of_splits_in_one_file(tmp_path: Path) -> None:
    words = ["train"] * 4 + ["val"] * 2 + ["test"] * 2
    path = write(tmp_path / "all.parquet", image=images(8), label=["a", "b"] * 4, split=words)
    found = load(path)
    assert found.splits.tolist() == ["train"] * 4 + ["validation"] * 2 + ["test"] * 2
    assert noted(found, "Splits are told by column 'split'")
    write(path, image=images(8), label=["a", "b"] * 4, split=["train"] * 6 + ["external"] * 2)
    with pytest.raises(UserError, match="holds 'external', which names no split; .* --split-map external=test"):
        load(path)
    assert len(load(path, split_map="external=drop")) == 6


def test_folds_of_a_column(tmp_path: Path) -> None:
    path = write(tmp_path / "all.parquet", image=images(8), label=["a", "b"] * 4, fold=[0, 0, 1, 1, 2, 2, 0, 0])
    found = load(path, fold_column="fold", test_fold="1")
    assert found.splits.tolist() == ["train"] * 2 + ["test"] * 2 + ["train"] * 4
    assert found.folds is not None
    assert found.folds.tolist() == ["0", "0", "1", "1", "2", "2", "0", "0"]


def test_lists_of_class_numbers(tmp_path: Path) -> None:
    table = pa.table({"image": images(3), "labels": [[0, 1], [1], []]})
    note = {
        "image": {"_type": "Image"},
        "labels": {"_type": "List", "feature": {"_type": "ClassLabel", "names": ["Mass", "Edema"]}},
    }
    noted_table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": note}})})
    pq.write_table(noted_table, tmp_path / "train.parquet")
    with pytest.raises(UserError, match="several findings in column 'labels'.*Edema"):
        load(tmp_path)
    assert words_of(load(tmp_path, positive="mass")) == ["Mass", "no Mass", "no Mass"]


def test_parquet_of_paths_is_a_table(tmp_path: Path) -> None:
    draw(tmp_path, [f"img/{i}.png" for i in range(6)])
    path = write(tmp_path / "manifest.parquet", image_path=[f"img/{i}.png" for i in range(6)], label=["a", "b"] * 3)
    assert counts(load(path)) == counts(load(tmp_path)) == {"a": 3, "b": 3}
    write(path, image_path=["/etc/hostname", "../../x.png"], label=["a", "b"])
    with pytest.raises(UserError, match="no file is read from elsewhere|from outside of the data's folder"):
        load(path, image_column="image_path")


def test_parquet_of_something_else_beside_images_is_passed_over(tmp_path: Path) -> None:
    draw(tmp_path, [f"{label}/{i}.png" for label in ("ill", "well") for i in range(3)])
    write(tmp_path / "embeddings.parquet", id=[1, 2], e0=[0.5, 0.25])
    found = load(tmp_path)
    assert counts(found) == {"ill": 3, "well": 3}
    assert noted(found, "embeddings.parquet is not used")


def save_to_disk(root: Path, per_split: dict[str, list[int]], features: dict[str, Any] | None = None) -> Path:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    for split, labels in per_split.items():
        folder = root / split
        folder.mkdir(parents=True)
        cells = [{"bytes": png(10 * len(split) + i), "path": None} for i in range(len(labels))]
        table = pa.table({"image": pa.array(cells, kind), "label": labels})
        with (
            pa.OSFile(str(folder / "data-00000-of-00001.arrow"), "wb") as sink,
            pa.ipc.new_stream(sink, table.schema) as out,
        ):
            out.write_table(table, max_chunksize=3)
        (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}))
        (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    return root


def test_what_save_to_disk_wrote(tmp_path: Path) -> None:
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["well", "ill"]}}
    found = load(save_to_disk(tmp_path / "set", {"train": [0, 1] * 4, "test": [1, 0]}, features))
    assert words_of(found) == ["well", "ill"] * 4 + ["ill", "well"]
    assert found.splits.tolist() == ["train"] * 8 + ["test"] * 2
    assert len(set(found.sha256)) == 10
    one = load(tmp_path / "set" / "test" / "data-00000-of-00001.arrow")
    assert one.labels.tolist() == [1, 0]


def test_what_datasets_itself_saves_is_read_alike(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["b", "a"])})
    rows = {"image": [{"bytes": png(i), "path": None} for i in range(4)], "label": [0, 1, 1, 1]}
    datasets.DatasetDict({"train": datasets.Dataset.from_dict(rows, features)}).save_to_disk(tmp_path / "set")
    assert words_of(load(tmp_path / "set")) == ["b", "a", "a", "a"]


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ({"_data_files": [{"filename": "../../secret.arrow"}]}, "state.json of .* names no files beside it"),
        ({"_data_files": [{"filename": "gone.arrow"}]}, "lacks train/gone.arrow, which train/state.json names"),
        ({"_data_files": []}, "names no files beside it"),
        ({"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_indices_data_files": [{"filename": "i"}]},
         "was saved with rows picked out of it"),
    ],
)  # fmt: skip
def test_a_state_that_names_other_files_is_refused(tmp_path: Path, state: dict[str, Any], sentence: str) -> None:
    save_to_disk(tmp_path / "set", {"train": [0, 1]})
    (tmp_path / "set" / "train" / "state.json").write_text(json.dumps(state))
    with pytest.raises(UserError, match=sentence):
        load(tmp_path / "set")


def test_damaged_arrow_is_a_sentence(tmp_path: Path) -> None:
    save_to_disk(tmp_path / "set", {"train": [0, 1]})
    file = tmp_path / "set" / "train" / "data-00000-of-00001.arrow"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(UserError, match=r"data-00000-of-00001.arrow of .* cannot be read as Arrow"):
        load(tmp_path / "set")


def test_a_configuration_of_the_hub_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    asked: list[Any] = []

    def several(*where: str, **_: Any) -> Any:
        asked.append(where)
        if len(where) == 1:
            raise ValueError("Config name is missing.\nPlease pick one among the available configs: ['large', 'small']")
        if where[1] not in ("large", "small"):
            raise ValueError(f"BuilderConfig '{where[1]}' not found. Available: ['large', 'small']")
        return {"train": "rows"}

    monkeypatch.setattr(datasets, "load_dataset", several)
    with pytest.raises(UserError, match=r"configurations\): large, small; name one with --config large"):
        hub._load_dataset("a/b", None)
    with pytest.raises(UserError, match="large, small, but none named 'lage'; name one with --config large"):
        hub._load_dataset("a/b", None, "lage")
    assert hub._load_dataset("a/b", None, "small") == {"train": "rows"}
    assert asked[-1] == ("a/b", "small")


def test_a_split_of_the_hub_by_its_map(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("string")})

    def rows(first: int) -> Any:
        cells = [{"bytes": png(first + i), "path": None} for i in range(2)]
        return datasets.Dataset.from_dict({"image": cells, "label": ["a", "b"]}, features)

    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: {"train": rows(0), "external": rows(5)})
    listing = hub.HubSource(".", None, Options.of({"split_map": "external=test"})).listing()
    assert listing.splits == ["train"] * 2 + ["test"] * 2
    listing = hub.HubSource(".", None, Options()).listing()
    assert listing.splits == ["train"] * 2
    assert "external (2 images); --split-map NAME=test" in listing.notes[0]


@pytest.mark.parametrize(("place", "value"), [(5, 1 << 30), (5, -5000), (24, 60_000)])
def test_arrow_that_lies_of_places_is_damaged_and_never_read_as_memory(tmp_path: Path, place: int, value: int) -> None:
    words = ["mel" if i % 3 == 0 else "nv" for i in range(24)]
    table = pa.table({"image": pa.array(images(24), pa.binary()), "label": words})
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content = (tmp_path / "a.arrow").read_bytes()
    offsets = np.cumsum([0, *map(len, words)], dtype="<i4")
    start = content.index(offsets.tobytes())
    offsets[place] = value
    (tmp_path / "a.arrow").write_bytes(content[:start] + offsets.tobytes() + content[start + offsets.nbytes :])
    with pytest.raises(UserError, match=r"a.arrow of .* cannot be read as Arrow"):
        load(tmp_path / "a.arrow")
