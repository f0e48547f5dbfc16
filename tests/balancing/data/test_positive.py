"""The positive class is told by names or by the data, never by an index; doubt asks."""

from __future__ import annotations

import pytest

from balancing.data.positive import means_healthy, resolve_positive
from balancing.errors import UserError


@pytest.mark.parametrize(
    ("names", "positive"),
    [
        (["NORMAL", "PNEUMONIA"], "PNEUMONIA"),
        (["pneumonia", "healthy"], "pneumonia"),
        (["COVID", "Normal"], "COVID"),
        (["benign", "malignant"], "malignant"),
        (["Abnormal", "normal"], "Abnormal"),
        (["No Finding", "Effusion"], "Effusion"),
        (["no_tumor", "yes_tumor"], "yes_tumor"),
        (["Parasitized", "Uninfected"], "Parasitized"),
        (["non-COVID", "COVID"], "COVID"),
        (["mel", "nevus"], "mel"),
        (["no", "yes"], "yes"),
    ],
)
def test_a_name_that_means_healthy_is_negative(names: list[str], positive: str) -> None:
    for ordered in (names, names[::-1]):
        index, note = resolve_positive(ordered, None, counts=[30, 10])
        assert index is not None
        assert ordered[index] == positive
        assert positive in note


@pytest.mark.parametrize("names", [["all", "hem"], ["A", "B"], ["normal", "benign"], ["COVID", "pneumonia"]])
def test_doubt_refuses_and_proposes_the_rarer_one(names: list[str]) -> None:
    with pytest.raises(UserError, match=rf"perhaps --positive {names[1]}.*--positive {names[0]} or --positive"):
        resolve_positive(names, None, counts=[30, 10])
    with pytest.raises(UserError, match="--positive"):
        resolve_positive(names, None)


def test_zero_and_one_are_taken_where_custom_and_rarity_agree() -> None:
    assert resolve_positive(["0", "1"], None, counts=[30, 10])[0] == 1
    assert resolve_positive(["False", "True"], None)[0] == 1
    with pytest.raises(UserError, match="1 would be by custom, but 0 is the rarer one; name it with --positive 0"):
        resolve_positive(["0", "1"], None, counts=[10, 30])


def test_what_was_asked_for_comes_first_then_what_the_data_say() -> None:
    assert resolve_positive(["NORMAL", "PNEUMONIA"], "normal") == (0, "The positive class is NORMAL, as asked.")
    assert resolve_positive(["a", "A"], "A", told="a")[0] == 1
    assert resolve_positive(["a", "b"], None, told="a")[0] == 0
    assert resolve_positive(["a", "b", "c"], None)[0] is None
    with pytest.raises(UserError, match="did you mean 'NORMAL'"):
        resolve_positive(["NORMAL", "PNEUMONIA"], "NORML")
    with pytest.raises(UserError, match=r"there are 3 classes.*--merge 'b\+c=rest'"):
        resolve_positive(["a", "b", "c"], "a")


def test_what_denies_is_healthy_and_what_only_begins_alike_is_not() -> None:
    for name in ("No Finding", "not infected", "Normal (left)", "NORMAL_2", "control group", "NoTumor", "Uninfected"):
        assert means_healthy(name), name
    for name in ("Nodule", "abnormal", "not normal", "Unhealthy", "Notch", "Nonspecific"):
        assert not means_healthy(name), name


def test_false_friends_of_health_are_not_healthy() -> None:
    for name in (
        "triple negative", "ER-negative", "HER2_negative", "gram negative", "non-small cell lung cancer",
        "NonSmallCell", "normal-pressure hydrocephalus", "normal tension glaucoma", "clear cell carcinoma",
        "not clear", "non-Hodgkin lymphoma", "non-union fracture", "Nonunion", "non-viable", "no response",
        "un-healthy", "non-proliferative DR", "NPDR", "nicht gesund", "not intact", "loss of control",
        "Anormal", "false positive", "None of the above", "patient no 5",
    ):  # fmt: skip
        assert not means_healthy(name), name


def test_health_is_known_in_other_spellings_and_tongues() -> None:
    for name in (
        "notumor", "NonCOVID", "CT_NonCOVID", "NoDR", "Nondemented", "Non Demented", "CN", "gesunde", "saudável",
        "正常", "disease-free", "tumor_free", "no abnormality", "No Abnormality Detected", "kein Befund", "NILM",
        "absence", "benign tumour", "COVID-19 negative", "non-tumour tissue", "No lung cancer", "Normal Lung",
    ):  # fmt: skip
        assert means_healthy(name), name


@pytest.mark.parametrize(
    ("names", "positive"),
    [
        (["Ulcer", "Nonulcer"], "Ulcer"),
        (["nodr_x", "dr_x"], "dr_x"),
        (["AD", "CN"], "AD"),
        (["benign tumour", "malignant tumour"], "malignant tumour"),
        (["normal", "normal-pressure hydrocephalus"], "normal-pressure hydrocephalus"),
        (["small cell", "non-small cell"], None),
        (["ER-negative", "ER-positive"], None),
        (["triple negative", "luminal"], None),
        (["clear cell", "papillary"], None),
        (["union", "nonunion"], None),
        (["hodgkin", "non-hodgkin"], None),
    ],
)
def test_a_denial_of_the_other_name_tells_and_a_kind_of_disease_asks(names: list[str], positive: str | None) -> None:
    for ordered in (names, names[::-1]):
        if positive is None:
            with pytest.raises(UserError, match="can't be told"):
                resolve_positive(ordered, None, counts=[30, 10])
        else:
            index, _ = resolve_positive(ordered, None, counts=[30, 10])
            assert index is not None
            assert ordered[index] == positive
