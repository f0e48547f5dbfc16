"""No login and no key is printed or told."""

from __future__ import annotations

import pytest

from sweep.trackers.secrets import without_secrets


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://ada:s3cr3t@mlflow.example.org/api", "https://***@mlflow.example.org/api"),
        ("postgresql://ada:p@s3cr3t@db:5432/runs failed", "postgresql://***@db:5432/runs failed"),
        ("postgresql://ada:s3/c'r3t@db/runs failed", "postgresql://***@db/runs failed"),
        ("sqlite:////home/a@b/mlflow.db", "sqlite:////home/a@b/mlflow.db"),
        ("https://host/api?token=s3cr3t&run=7", "https://host/api?token=***&run=7"),
        ("https://host/api?run=7", "https://host/api?run=7"),
        ("ada@example.org wrote", "ada@example.org wrote"),
    ],
)
def test_logins_and_keys_of_addresses_go_and_the_rest_stays(text: str, kept: str) -> None:
    assert without_secrets(text) == kept


def test_a_key_of_the_environment_goes_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "k3yk3yk3y")
    assert without_secrets("401: k3yk3yk3y is not known") == "401: *** is not known"
