"""A search for what identifies a person and must not be in a report: raw ids, addresses, numbers of theirs.

Names cannot be recognised, nor addresses of streets: a label that few customers share is not shown at all
(`suppression`). What has a check digit is only found with a right one, so that no amount is taken for a card.
"""

import html
import re
from collections.abc import Callable, Iterable

PICTURE = re.compile(r"data:[\w/+.;=-]+;base64,[A-Za-z0-9+/=]+")
# A run of Latin letters and digits, or one character of another script.
WORD = re.compile(r"[A-Za-z0-9]+|[^\W_]")
FRACTION = re.compile(r"(?<!\w)(\d+)[.,]\d[\d.,]*")  # 0.00123 does not speak of customer 00123
# Digits, letters and signs of full width, the many blanks and hyphens, signs that nobody sees.
WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
BLANKS = dict.fromkeys([0x3000, 0xA0, *range(0x2000, 0x200B), 0x202F], " ")
HYPHENS = dict.fromkeys([*range(0x2010, 0x2016), 0x2212], "-")
UNSEEN = dict.fromkeys([0xAD, *range(0x200B, 0x2010), 0x2060, 0xFEFF], None)
PLAIN = WIDTH | BLANKS | HYPHENS | UNSEEN

# A number of a person neither follows nor precedes a digit, a letter, a decimal or a sign of per cent.
BEFORE, AFTER = r"(?<![A-Za-z0-9+])(?<!\d[.,])", r"(?![A-Za-z0-9%]|[.,]\d)"
PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领"
ACCOUNT = r"(?:微信|wechat|weixin|[vw]x|qq)"


def is_bank_card(text: str) -> bool:
    """Whether 13 to 19 digits have a right check digit (Luhn; ISO/IEC 7812-1, annex B).

    >>> is_bank_card("4111 1111 1111 1111"), is_bank_card("4111 1111 1111 1112")
    (True, False)
    """
    digits = [int(sign) for sign in _digits(text)][::-1]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return 13 <= len(digits) <= 19 and (sum(digits[::2]) + sum(doubled)) % 10 == 0


def is_id_card(text: str) -> bool:
    """Whether 18 signs are a Chinese id card's number (GB 11643; ISO 7064 MOD 11-2).

    >>> is_id_card("11010519491231002X"), is_id_card("110105194912310021")
    (True, False)
    """
    signs = re.sub(r"[ -]", "", text).upper()
    total = sum(int(sign) * pow(2, 17 - place, 11) for place, sign in enumerate(signs[:17]))
    return "10X98765432"[total % 11] == signs[17]


def is_iban(text: str) -> bool:
    """Whether a text is an account's number (ISO 13616; ISO 7064 MOD 97-10).

    >>> is_iban("GB82 WEST 1234 5698 7654 32"), is_iban("GB83 WEST 1234 5698 7654 32")
    (True, False)
    """
    signs = text.replace(" ", "")
    return (
        15 <= len(signs) <= 34
        and int("".join(str(int(sign, 36)) for sign in signs[4:] + signs[:4])) % 97 == 1
    )


def _has_digits(least: int, most: int) -> Callable[[str], bool]:
    return lambda text: least <= len(_digits(text)) <= most


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _is_any(_text: str) -> bool:
    return True


# What to search for, and the test that it is one.
KINDS: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = (
    (  # an e-mail address
        re.compile(
            r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]+@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}"
            r"\.[A-Za-z]{2,63}"
        ),
        _is_any,
    ),
    # a mobile phone in China, its digits in one, or 3-4-4 between blanks or hyphens
    (
        re.compile(BEFORE + r"(?:86[ -]?|0086[ -]?)?1[3-9]\d(?P<gap>[ .-]?)\d{4}(?P=gap)\d{4}" + AFTER),
        _is_any,
    ),
    # an international number (E.164)
    (re.compile(r"(?<![A-Za-z0-9.])\+\d{1,3}(?:[ -]?\(?\d{1,11}\)?){1,5}" + AFTER), _has_digits(8, 15)),
    # a national one with its area: (021)87654321, 010-8765 4321, 07700 900123, 020 7946 0958
    (
        re.compile(
            r"(?<![A-Za-z0-9+-])(?<!\d[.,])(?:\(0\d{2,4}\)[ -]?|0\d{2,4}[ -])\d{3,4}[ -]?\d{3,4}"
            + AFTER
            + r"|(?<![A-Za-z0-9+-])(?<!\d[.,])0[1-9]\d{8,10}"
            + AFTER
        ),
        _has_digits(10, 12),
    ),
    (re.compile(BEFORE + r"(?<!\d )\(\d{3}\) ?\d{3}-\d{4}" + AFTER), _is_any),  # in North America
    (
        re.compile(
            BEFORE
            + r"[1-9]\d{5}[ -]?(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[ -]?\d{3}[\dXx]"
            + AFTER
        ),
        is_id_card,
    ),
    # a bank card: digits in one, or by four
    (
        re.compile(
            BEFORE
            + r"(?:[3-69]\d{12,18}|[3-69]\d{3}(?:[ -]\d{4}){2,3}[ -]\d{1,4}|3\d{3}[ -]\d{6}[ -]\d{5})"
            + AFTER
        ),
        is_bank_card,
    ),
    (
        re.compile(r"(?<![A-Za-z0-9-])[A-Z]{2}\d{2} ?(?:[A-Z0-9]{4} ?){2,7}[A-Z0-9]{1,4}(?![A-Za-z0-9])"),
        is_iban,
    ),
    # an account of WeChat or QQ that is called one
    (re.compile(rf"(?i){ACCOUNT} ?(?:号|id)[ :=]*[a-z0-9][a-z0-9_-]{{4,19}}(?![a-z0-9])"), _is_any),
    (
        re.compile(
            rf"(?i)(?<![a-z]){ACCOUNT} ?[:=] ?(?=[a-z0-9-]*[\d_])[a-z0-9][a-z0-9_-]{{4,19}}(?![a-z0-9])"
        ),
        _is_any,
    ),
    # a plate of a car in China
    (
        re.compile(
            rf"[{PROVINCES}][A-HJ-NP-Z][ ·•]?[A-HJ-NP-Z0-9]{{4,5}}[A-HJ-NP-Z0-9挂学警港澳](?![A-Za-z0-9])"
        ),
        _has_digits(3, 6),
    ),
)


def find_identifiers(text: str, ids: Iterable[str]) -> list[str]:
    """Every raw id, e-mail address, number of a phone, id card, bank card, account or car in a text, sorted.

    Pictures are skipped. Ids are matched as whole words. Those of up to 3 Latin letters and digits, and
    numbers of up to 4 digits, are not searched: they cannot be distinguished from words and numbers that
    belong to the report.

    Examples
    --------
    >>> find_identifiers("Call K1042 (客户00123) at +86 10 5555 1234, a.b@example.com.", ["K1042", "00123"])
    ['+86 10 5555 1234', '00123', 'K1042', 'a.b@example.com']
    >>> find_identifiers("１３８　１２３４　５６７８, (021)87654321, 4111-1111-1111-1111, 京A12345", [])
    ['(021)87654321', '138 1234 5678', '4111-1111-1111-1111', '京A12345']
    """
    text = html.unescape(PICTURE.sub(" ", text))
    plain = text.translate(PLAIN)
    numbers = {found[0] for kind, is_one in KINDS for found in kind.finditer(plain) if is_one(found[0])}
    identifiers = {each for each in numbers if not any(each in other and each != other for other in numbers)}
    ids_by_words: dict[tuple[str, ...], str] = {}
    lengths: dict[str, set[int]] = {}  # numbers of words of the ids that begin with a word
    for customer in sorted({str(customer) for customer in ids}):
        words = tuple(WORD.findall(customer))
        if words and len(customer) >= _min_length(customer):
            ids_by_words[words] = customer
            lengths.setdefault(words[0], set()).add(len(words))
    words = tuple(WORD.findall(FRACTION.sub(r"\1", text)))
    for place, word in enumerate(words):
        for length in lengths.get(word, ()):
            if words[place : place + length] in ids_by_words:
                identifiers.add(ids_by_words[words[place : place + length]])
    return sorted(identifiers)


def _min_length(customer: str) -> int:
    """The fewest characters with which an id of this script is searched."""
    if not customer.isascii():
        return 2
    return 5 if customer.isdecimal() else 4
