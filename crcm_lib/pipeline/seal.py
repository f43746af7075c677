"""The seal of a published run: a keyed hash over all that run.json says, the hashes of every file included.

Hashes alone show accidents: whoever changes a file can write its new hash too. Without the key nobody can
write the seal.
"""

from crcm_lib.i18n import _
from crcm_lib.pipeline.files import canonical_json
from crcm_lib.privacy.pseudonyms import DEMO_KEY, find_present_key, keyed_hash, name_key

PURPOSE = "seal of a run"  # so that no pseudonym can pass for a seal
SEAL, SEALED_BY = "seal", "sealed_by"


def seal(record: dict, key: bytes) -> dict:
    """The record with its seal; `sealed_by` tells the key from another, but not the key."""
    named = record | {SEALED_BY: name_key(key)}
    return named | {SEAL: _compute(named, key)}


def find_problems(record: dict, *, is_synthetic: bool) -> list[str]:
    """List what is wrong with the seal of a run, as far as the keys at hand show; nothing if it has none."""
    if SEALED_BY not in record and SEAL not in record:
        return []
    if SEALED_BY not in record or SEAL not in record:
        return [_("run.json: the seal was removed")]
    if record[SEALED_BY] == name_key(DEMO_KEY) and not is_synthetic:
        return [_("run.json: sealed with the published demo key, though the data are not synthetic")]
    key = _choose(record)
    if key is not None and record[SEAL] != _compute(record, key):
        return [_("run.json: changed since it was sealed")]
    return []


def describe(record: dict) -> str:
    """What a whole seal proves: that nobody without the key changed the run, or only that nothing broke."""
    accidents = _("only accidents can be excluded")
    if SEAL not in record:
        return f"{_('no seal, as of earlier releases')}: {accidents}"
    if record[SEALED_BY] == name_key(DEMO_KEY):
        return f"{_('sealed with the published demo key')}: {accidents}"
    if _choose(record) is None:
        return f"{_('sealed with a key that is not here; set CRCM_KEY_FILE')}: {accidents}"
    return _("sealed with the key that is here: nobody without it changed anything")


def _choose(record: dict) -> bytes | None:
    """The key at hand that a record says it was sealed with."""
    keys = [key for key in (DEMO_KEY, find_present_key()) if key is not None]
    return next((key for key in keys if name_key(key) == record[SEALED_BY]), None)


def _compute(record: dict, key: bytes) -> str:
    sealed = {name: value for name, value in record.items() if name != SEAL}
    return keyed_hash(key, f"{PURPOSE}\n{canonical_json(sealed)}")
