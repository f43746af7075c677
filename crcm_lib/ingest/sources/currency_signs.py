"""Which signs and codes stand for one currency: amounts under several are no column of numbers."""

from collections.abc import Iterable

CURRENCIES = (
    {"€", "EUR"},
    {"$", "US$", "USD"},
    {"£", "GBP"},
    {"¥", "￥", "元", "CNY", "RMB", "圆", "圓"},
    {"¥", "￥", "円", "JPY"},
    {"₩", "원", "KRW"},
    {"₹", "Rs", "Rs.", "INR"},
    {"zł", "PLN"},
    {"Kč", "CZK"},
    {"Ft", "HUF"},
    {"Fr.", "CHF"},
)


def may_be_one(signs: Iterable[str]) -> bool:
    """Whether all signs can stand for one currency.

    >>> may_be_one(["€", "EUR"]), may_be_one(["¥", "$"]), may_be_one(["kr", "kr."])
    (True, False, True)
    """
    known = [sign for sign in signs if any(sign in currency for currency in CURRENCIES)]
    return len(known) < 2 or any(set(known) <= currency for currency in CURRENCIES)
