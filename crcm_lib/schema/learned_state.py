"""Learned state as JSON, with the version of its form, so that no release misreads what another one wrote."""

import json
from collections.abc import Mapping
from typing import Any

from crcm_lib.errors import DataError
from crcm_lib.i18n import _


def to_json(state: Mapping[str, Any], version: int) -> str:
    """The state as text: equal states give equal texts; NaN and infinity are refused (ValueError)."""
    versioned = {"schema_version": version, **state}
    return json.dumps(versioned, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)


def from_json(text: str, version: int, *, model: str, notebook: str) -> dict[str, Any]:
    """The state that `to_json` wrote.

    Parameters
    ----------
    text
        The JSON.
    version
        The version of the form that this release reads.
    model, notebook
        What was learned, and the notebook that learns it: for the message.

    Raises
    ------
    DataError
        If the text is of another version.
    """
    state: dict[str, Any] = json.loads(text)
    if (found := state.pop("schema_version", None)) != version:
        words = _("{model}: schema_version is {found}, and this release reads {ours}. Run {notebook} again.")
        raise DataError(words.format(model=model, found=found, ours=version, notebook=notebook))
    return state
