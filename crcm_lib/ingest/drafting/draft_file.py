"""A draft as a YAML file: what is unsure first, the evidence beside each line as a comment."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crcm_lib.config.yaml_loader import BOOLEAN_WORDS
from crcm_lib.errors import UsageError
from crcm_lib.i18n import _
from crcm_lib.ingest.drafting.part_draft import Place
from crcm_lib.ingest.drafting.source_draft import SourceDraft
from crcm_lib.ingest.sources.description import TO_CONFIRM

PLAIN = re.compile(r"[^\W\d_][\w ./*()-]*", re.UNICODE)  # text that needs no quotes in YAML


def refuse_existing(target: Path, *, force: bool) -> None:
    """Refuse to replace a description, unless `force` says that it may be."""
    if target.exists() and not force:
        problem = _("{path}: is there already; --force replaces it, --out writes elsewhere")
        raise UsageError(problem.format(path=target))


def write_draft(draft: SourceDraft, target: Path) -> None:
    """Write a draft; what is unsure stands first."""
    lines = [_("# Drafted by crcm init; what proves a line stands beside it. Every key: data/README.md.")]
    lines += [_comment(note) for text in draft.notes for note in text.splitlines()]
    if draft.unsure:
        lines.append(
            _("# Nothing runs while a line is left here: crcm confirm {name} --accept KEY=VALUE").format(
                name=target.name
            )
        )
        lines.append(f"{TO_CONFIRM}:")
        for key, proposal in draft.unsure.items():
            lines += [
                f"  {_scalar(key)}:",
                f"    proposal: {_flow(proposal.value)}",
                f"    why: {_scalar(proposal.why)}",
            ]
    lines += _write(draft.content, (), draft.evidence, "")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write(content: dict[str, Any], place: Place, evidence: dict[Place, str], indent: str) -> Iterator[str]:
    for key, value in content.items():
        here = (*place, key)
        said = f" {_comment(evidence[here])}" if evidence.get(here) else ""
        if isinstance(value, dict) and key not in ("fill_down", "anonymous", "key"):
            yield f"{indent}{key}:{said}"
            yield from _write(value, here, evidence, f"{indent}  ")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield f"{indent}{key}:{said}"
            for number, item in enumerate(value):
                first, *rest = _write(item, (*here, number), evidence, f"{indent}    ")
                proof = evidence.get((*here, number), "")
                beside = f" {_comment(proof)}" if proof else ""
                yield f"{indent}  - {first.strip()}{beside}"
                yield from rest
        else:
            yield f"{indent}{key}: {_flow(value)}{said}"


def _comment(text: str) -> str:
    """A comment on one line, whatever breaks of lines the name of a column holds."""
    return "# " + " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    return _scalar(value) if isinstance(value, str) else json.dumps(value)


def _scalar(text: str) -> str:
    """A text, in quotes where YAML would take it for something else.

    >>> _scalar("Order Date"), _scalar("no"), _scalar("a: b"), _scalar("12")
    ('Order Date', '"no"', '"a: b"', '"12"')
    """
    is_plain = PLAIN.fullmatch(text) and text.lower() not in (*BOOLEAN_WORDS, "true", "false", "null")
    if is_plain and not text.endswith(" "):
        return text
    return "".join(
        sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in json.dumps(text, ensure_ascii=False)
    )
