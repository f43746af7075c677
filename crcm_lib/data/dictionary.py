"""The generated part of `data/README.md`: `python -m crcm_lib.data.dictionary` writes it again."""

from crcm_lib.data.tables import ROOT, dictionary

README = ROOT / "data/README.md"
MARK = "<!-- generated from here on -->\n\n"


def renew(text: str) -> str:
    """The page with the dictionary as the schema has it now."""
    return text.partition(MARK)[0] + MARK + dictionary()


if __name__ == "__main__":
    README.write_text(renew(README.read_text(encoding="utf-8")), encoding="utf-8")
