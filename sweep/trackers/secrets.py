"""Nothing that opens a tracker's door is printed or kept: passwords in addresses, keys in the environment."""

from __future__ import annotations

import os
import re

HIDDEN = "***"
_VARIABLES = ("WANDB_API_KEY", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME")
# Who and with what: ``https://ada:secret@host``; and what a query says of keys. A password may hold @, / and quotes.
_LOGIN = re.compile(r"(?<=://)(?:[^:/\s]*:\S*|[^/\s'\"]*)@")
_QUERY = re.compile(r"(?<=[?&])((?:[\w.-]*(?:password|passwd|token|key|secret)[\w.-]*)=)[^&\s'\"]+", re.IGNORECASE)


def without_secrets(text: str) -> str:
    """A sentence without the logins of addresses in it, and without the keys that the environment holds."""
    text = _QUERY.sub(rf"\g<1>{HIDDEN}", _LOGIN.sub(f"{HIDDEN}@", text))
    for variable in _VARIABLES:
        value = os.environ.get(variable, "")
        if len(value) > 3:
            text = text.replace(value, HIDDEN)
    return text
