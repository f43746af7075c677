"""A takeaway: computed Markdown that nothing in the data can mark up or script."""

import html
import re
from datetime import date

import pytest
from nbconvert.filters import markdown2html

from crcm_lib.reporting.sanitize import Page
from crcm_lib.reporting.takeaway import takeaway

HOSTILE = "<img src=x onerror=alert(1)>"
MARKUP = ["# a", "- a", "+ a", "-", "--", "=", "*a*", "_a_", "~~a~~", "`a`", "a|b", "$a$", "&lt;b>", "<b>"]
LINKS = ["[a](b)", "![a](b)", "https://example.org", "www.example.org", "a@example.org"]


def test_numbers_and_days_are_formatted_and_all_else_is_disarmed():
    words = takeaway(
        "**{share:.0%}** on {day:%d.%m.} by {name}, {list}",
        share=0.25,
        day=date(2024, 2, 1),
        name=HOSTILE,
        list=["[a](b)"],
    ).markdown
    assert words.startswith("**25%** on 01.02. by &#60;img")
    assert not set("<>[]") & set(words)
    assert "](" not in words


def test_a_value_stays_on_its_line():
    assert "\n" not in takeaway("{name}", name="a\n\n# b").markdown


@pytest.mark.parametrize("value", MARKUP + LINKS)
def test_a_value_reads_as_it_is(value):
    """Rendered by a strict and by a generous reader of Markdown."""
    words = takeaway("{value}", value=value).markdown
    for page in (markdown2html(words), Page().render(words)):
        assert re.fullmatch(r"<p>[^<]*</p>", page.strip()), page
        assert html.unescape(page.strip()[3:-4]) == value


def test_signs_and_brackets_of_numbers_stay_readable():
    assert takeaway("by {share} {note}", share="-19.3%", note="(RMSE)").markdown == "by -19.3% (RMSE)"
