"""Text from notebooks -> HTML that can neither script nor fetch: Markdown, tables of outputs, code."""

import re

# Everything else in an output's HTML is dropped: it could only script, fetch or restyle.
TAGS = {
    *("table", "caption", "colgroup", "col", "thead", "tbody", "tfoot", "tr", "th", "td"),
    *("p", "br", "b", "i", "strong", "em", "code", "pre", "div", "span", "small", "sub", "sup"),
    *("ul", "ol", "li", "dl", "dt", "dd"),
}
ATTRIBUTES = {
    "*": {"class"},
    "th": {"scope", "colspan", "rowspan"},
    "td": {"data-value", "colspan", "rowspan"},
}
CAPTION = re.compile(r"<caption[^>]*>(.*?)</caption>", re.S)
EMPTY_HEAD = re.compile(r"<thead>\s*<tr>(?:\s*<th[^>]*>\s*</th>)+\s*</tr>\s*</thead>")


class Page:
    """One page's Markdown, rendered; remembers the headings for the list of contents."""

    def __init__(self):
        self.headings: list[tuple[str, str]] = []  # (anchor, text as HTML)
        self._markdown = _make_renderer(self)

    def render(self, markdown: str) -> str:
        """Render Markdown; raw HTML in it is shown as text."""
        return wrap_tables(EMPTY_HEAD.sub("", self._markdown(markdown)))

    def anchor(self, text: str, level: int) -> str:
        """Name a heading; those of the second level are listed in the contents."""
        words = re.sub(r"\W+", "-", re.sub(r"<[^>]+>|&[^;]+;", "", text).lower()).strip("-") or "part"
        name, taken = words, {anchor for anchor, _ in self.headings}
        while name in taken or name == "main":
            name = f"{words}-{len(taken) + 1}"
        if level == 2:
            self.headings.append((name, text))
        return name


def _make_renderer(page: Page):
    import mistune
    from mistune.util import safe_entity

    class Inert(mistune.HTMLRenderer):
        def text(self, text: str) -> str:
            return safe_entity(text)  # keeps the entities that `takeaway` makes of a customer's words

        def heading(self, text: str, level: int, **attrs) -> str:
            return f'<h{level} id="{page.anchor(text, level)}">{text}</h{level}>\n'

        def link(self, text: str, url: str, title: str | None = None) -> str:
            return super().link(text, re.sub(r"^(\w+)\.ipynb\b", r"\1.html", url), title)

        def image(self, text: str, url: str, title: str | None = None) -> str:
            return text  # a picture by address would be a request

    return mistune.create_markdown(renderer=Inert(escape=True), plugins=["table", "strikethrough"])


def clean_html(output: str) -> str:
    """Keep an output's tables and words, drop whatever could script, fetch or restyle.

    >>> clean_html('<p onclick="steal()">Ann<img src="https://example.org/x.png"><script>steal()</script></p>')
    '<p>Ann</p>'
    """
    import nh3

    return wrap_tables(nh3.clean(output, tags=TAGS, attributes=ATTRIBUTES))


def wrap_tables(html: str) -> str:
    """Let a wide table scroll by itself, so that the page does not; its caption stays in sight."""
    return re.sub(r"<table\b[^>]*>.*?</table>", _wrap, html, flags=re.S)


def _wrap(found: re.Match) -> str:
    caption = CAPTION.search(found[0])
    if not caption:
        return f'<div class="scroll">{found[0]}</div>'
    return (
        f'<figure class="data"><figcaption>{caption[1]}</figcaption>'
        f'<div class="scroll">{CAPTION.sub("", found[0])}</div></figure>'
    )


def plain(text: str) -> str:
    """Take the terminal's colours out of an output.

    >>> plain("\\x1b[31mKeyError\\x1b[0m: 'x'")
    "KeyError: 'x'"
    """
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def highlight_code(source: str) -> str:
    """Colour Python code."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return highlight(source, PythonLexer(), HtmlFormatter(nowrap=True))
