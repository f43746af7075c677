"""A computed sentence or two, as Markdown whose inserted values can neither mark up nor script."""

import datetime
import re
from decimal import Decimal
from numbers import Number

from crcm_lib.reporting.text.numbers import fill

# Anywhere; at a line's start, where it makes a heading or a list; in an address, which becomes a link.
ACTIVE = re.compile(r"[\\`*_{}\[\]|~$<>&]|^[#=]|^[-+](?=[\s+-]|$)|:(?=//)|(?<=www)\.|@")


class Takeaway:
    """Markdown that a notebook shows; nbval compares it as text."""

    def __init__(self, markdown: str):
        self.markdown = markdown

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/markdown": self.markdown, "text/plain": self.markdown}


def _make_inert(value) -> str:
    """Text from data on one line: a character that Markdown or HTML would act on is escaped."""
    return ACTIVE.sub(lambda found: f"&#{ord(found[0])};", " ".join(str(value).split()))


def takeaway(template: str, **values) -> Takeaway:
    """Fill a Markdown template with computed values; whatever is not a number or a day is made inert.

    A field may name a kind of number, like `{spend:money}`: see `text.numbers`.

    >>> takeaway("**{name}** buys most: {share:.0%}.", name="<b>Ann</b>", share=0.4).markdown
    '**&#60;b&#62;Ann&#60;/b&#62;** buys most: 40%.'
    """
    safe = (Number, Decimal, datetime.date)
    inert = {name: value if isinstance(value, safe) else _make_inert(value) for name, value in values.items()}
    return Takeaway(fill(template, **inert))
