"""Contradictions that a composition has whatever the data are."""

from __future__ import annotations

import pytest

from balancing.components.conflicts import conflicts
from balancing.components.techniques import get_technique, techniques
from sweep.config.config import build_config

REFUSED = [
    ("smote+cutmix", "boxes cut from SMOTE's averages of images have no meaning; take mixup"),
    ("undersampling+balanced_mixup", "Balanced-MixUp draws its partners balanced by itself"),
    ("oversampling+unimix", "UniMix draws its partners balanced by itself"),
    ("aucm", "AUCM's margins are trained by PESG alone"),
    ("pesg", "PESG is the optimisation step of AUCM"),
    ("focal+pesg", "PESG is the optimisation step of AUCM"),
    ("aucm+pesg+drw", "DRW weighs rows, but AUC margin (AUCM) is a loss of the batch as a whole"),
    ("deep_auc+crt", "AUCM's margins know the class shares of one stage, and cRT changes them"),
    ("aucm+pesg+drs", "AUCM's margins know the class shares of one stage, and DRS changes them"),
    ("class_weights+drw", "DRW brings weights of its own, which 'class_weights' would double"),
    ("effective_number+drw", "which 'effective_number' would double"),
    ("cb_focal+drw", "which 'cb_focal' would double"),
    ("soft_f_beta+drw", "DRW weighs rows, but Soft F-beta is a loss of the batch as a whole"),
    ("tversky+imbsam", "ImbSAM takes the rows of rare classes apart, but Tversky is a loss of the batch"),
    ("smote+crt", "the rows of SMOTE train in none; write it as smote@features+crt, or leave one of them out"),
    ("smote@features", "'smote@features' works on the features that a head alone trains on, and here none does; take"),
    ("mixup@features+drw", "as in mixup@features+crt, or take 'mixup'"),
    ("cutmix@features+crt", "CutMix cuts boxes out of images, and features have none; take mixup@features"),
    ("balanced_mixup@features+crt", "partners balanced by itself, and the head's rows are drawn balanced too"),
    ("eos@features+easy_ensemble", "the rows of EOS train in none; leave one of them out"),
    ("ldam+easy_ensemble", "the mean of LDAM's cosines is the cosine of no head; take crt"),
    ("undersampling+drs", "the rows of Undersampling train in none"),
    ("oversampling+progressive", "the rows of Oversampling train in none"),
    ("ldam+lws", "LWS trains factors of the classes' weights, which a head of cosines does not have"),
    ("ldam+shifted_bn", "Shifted batch-norm trains factors of the classes' weights"),
    ("smote+lws", "the rows of SMOTE train in none"),
    ("ldam+tau_norm", "tau-normalisation has nothing to do: the weights of LDAM's head have length 1"),
    ("ldam+posthoc_logit_adjustment", "what LDAM makes of them is not known; take threshold or bcts"),
    ("adasyn+posthoc_logit_adjustment", "what ADASYN makes of them is not known"),
    ("deep_auc+temperature", "Temperature takes answers for probabilities, but those of AUC margin (AUCM) are scores"),
    ("deep_auc+posthoc_logit_adjustment", "are scores that rank images, and their zero means nothing; take bcts"),
]
WARNED = [
    ("smote+mixup", "rows of SMOTE are mixtures already, and mixup mixes up to four images"),
    ("deep_auc", "are scores that rank images and no probabilities, so it is chosen by AUROC"),
    ("cutmix", "CutMix may cut a finding away"),
    ("mixup+label_aware_smoothing", "both mixup and the smoothing soften the targets"),
    ("undersampling+drw", "DRW defers what Undersampling has done from the start"),
    ("vs+drw", "both Vector scaling (VS) and DRW's weights favour rare classes"),
    ("cdt+drw", "both Class-dependent temperatures (CDT) and DRW's weights favour rare classes"),
    ("mixup+label_aware_smoothing+crt", "both mixup and the smoothing soften the targets"),
    ("crt+tau_norm", "cRT has trained the head on balanced rows, so the norms of its weights tell little"),
    ("unimix+drw", "both UniMix and DRW's weights favour rare classes"),
]
FINE = [
    *("baseline", "smote", "undersampling+mixup", "smote+augmentation", "focal+drw", "ldam_drw", "mixup_drw"),
    *("remix_drw", "balanced_softmax+crt", "mixup+crt", "class_weights+sam", "soft_f_beta+sam", "ldam+threshold"),
    *("class_weights+posthoc_logit_adjustment", "power_sampling+balanced_softmax", "mixup+progressive", "ldam+bcts"),
    *("mislas", "lws", "focal+lws", "shifted_bn+mixup", "baseline+tau_norm", "mixup+lws+threshold"),
    *("deep_auc+threshold", "deep_auc+bcts", "deep_auc+vector_scaling", "deep_auc+em_prior"),
    *("adasyn+temperature", "label_aware_smoothing+drw", "oversampling+soft_f_beta"),
    *("decoupled_smote", "smote@features+mixup+crt", "smote@features+balanced_mixup+crt", "focal+easy_ensemble"),
    *(
        "mixup@features+crt",
        "eos@features+ldam+crt",
        "enn@features+focal+crt+threshold",
        "mixup@features+easy_ensemble",
    ),
]


@pytest.mark.parametrize(("name", "sentence"), REFUSED)
def test_a_contradiction_is_refused_with_the_reason(name: str, sentence: str) -> None:
    (found,) = [conflict.sentence for conflict in conflicts(get_technique(name)) if conflict.refused]
    assert sentence in found
    assert found.startswith(f"technique '{get_technique(name).name}': ")
    assert "\n" not in found


@pytest.mark.parametrize("name", [name for name, _ in REFUSED if "posthoc" not in name])
def test_no_configuration_takes_it(name: str) -> None:
    with pytest.raises(Exception, match="technique '") as refused:
        build_config({"space": {"techniques": [name]}})
    assert type(refused.value).__name__ == "UserError"
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("name", "sentence"), WARNED)
def test_a_doubtful_composition_is_warned_about_and_taken(name: str, sentence: str) -> None:
    (found,) = conflicts(get_technique(name))
    assert not found.refused
    assert sentence in found.sentence
    assert build_config({"space": {"techniques": [name]}}).space.techniques == [get_technique(name).name]


@pytest.mark.parametrize("name", FINE)
def test_what_goes_together_is_not_talked_about(name: str) -> None:
    assert conflicts(get_technique(name)) == []


def test_every_technique_that_has_a_name_can_be_asked_for() -> None:
    assert not [t.name for t in techniques() if any(conflict.refused for conflict in conflicts(t))]
