"""How the names of columns are compared: without case, width, blanks and marks."""

import re
import unicodedata

# A currency in brackets behind the name of an amount is no part of the name; 万元 is, it changes the scale.
CODES = "EUR|USD|GBP|CNY|RMB|JPY|INR|CHF|CAD|AUD|NZD|HKD|TWD|SGD|KRW|SEK|NOK|DKK|PLN|CZK|BRL|MXN|TRY|ZAR"
UNIT = re.compile(rf"[(（\[]\s*({CODES}|元|人民币|[€£$¥￥₹₩])\s*[)）\]]\s*$", re.IGNORECASE)


def fold(name: str) -> str:
    """A name by which a label and an API name are the same.

    >>> fold("Account Name") == fold("Account_Name") == fold("accountName")
    True
    >>> fold("订单金额（元）")
    '订单金额元'
    """
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", name).casefold())


def fold_without_unit(name: str) -> str:
    """A folded name without the currency that stands in brackets behind it.

    >>> fold_without_unit("Amount (EUR)"), fold_without_unit("金额(万元)")
    ('amount', '金额万元')
    """
    return fold(UNIT.sub("", name.strip()))


def unit_of(name: str) -> str:
    """The currency in brackets behind a name; "" for none.

    >>> unit_of("Amount (EUR)"), unit_of("Email (Billing)")
    ('EUR', '')
    """
    found = UNIT.search(name.strip())
    return found[1].upper().replace("RMB", "CNY") if found else ""
