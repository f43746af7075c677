"""Why a model decided as it did: the rule and the numbers behind it, in no language."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Reason:
    """A rule that held, as a fact that `reporting.text` turns into a sentence.

    Attributes
    ----------
    rule
        The rule's id, such as "too_few_repeat_buyers".
    facts
        The numbers and ids that the rule looked at, by name; JSON can hold them.
    """

    rule: str
    facts: dict[str, float | str | list[object]] = field(default_factory=dict)
