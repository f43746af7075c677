"""A source's currency and time zone: what the files prove of them, and what has to be confirmed."""

import re
from collections import Counter

from crcm_lib.i18n import _
from crcm_lib.ingest.drafting.part_draft import PartDraft, Proposal
from crcm_lib.ingest.drafting.spelling import unit_of

# Signs that only one currency has; $, ¥ and kr are those of several.
CURRENCY_OF = {
    "€": "EUR",
    "£": "GBP",
    "₹": "INR",
    "₩": "KRW",
    "₽": "RUB",
    "₺": "TRY",
    "₫": "VND",
    "元": "CNY",
    "人民币": "CNY",
    "zł": "PLN",
}
# The zone that is proposed where times have these offsets (winter, summer) and nothing is known of the place.
ZONES_OF = {
    ("+0000", "+0100"): "Europe/London",
    ("+0100", "+0200"): "Europe/Berlin",
    ("+0200", "+0300"): "Europe/Athens",
    ("+0800",): "Asia/Shanghai",
    ("+0900",): "Asia/Tokyo",
    ("-0500", "-0400"): "America/New_York",
    ("-0600", "-0500"): "America/Chicago",
    ("-0700", "-0600"): "America/Denver",
    ("-0800", "-0700"): "America/Los_Angeles",
}


def find_currency(parts: list[PartDraft], proposed: str) -> tuple[str, str, Proposal | None]:
    """The currency, what proves it, and what to confirm where nothing does.

    A column of one code proves it, or a sign or word that only one currency has.

    Parameters
    ----------
    parts
        The parts of the transactions.
    proposed
        The currency that is usual where the files come from.
    """
    codes: Counter[str] = Counter()
    for part in parts:
        codes.update(part.codes)
    signs = {sign for part in parts for sign in part.keys.get("currency_sign", [])}
    signs |= {unit for part in parts for unit in map(unit_of, part.match.export.header) if unit}
    meant = {CURRENCY_OF.get(sign, sign if re.fullmatch("[A-Z]{3}", sign) else "") for sign in signs}
    if len(codes) == 1 and re.fullmatch("[A-Z]{3}", code := next(iter(codes))):
        return code, _("{count:,} of {count:,} records").format(count=codes[code]), None
    if not codes and len(meant) == 1 and (code := next(iter(meant))):
        return code, _("by the sign {sign}").format(sign=next(iter(signs))), None
    why = _("nothing in the files says it")
    if codes:
        listed = ", ".join(f"{code} ({count:,})" for code, count in codes.most_common(5))
        why = _("several are there: {listed}; records in another are set aside").format(listed=listed)
        proposed = codes.most_common(1)[0][0]
    proposed = proposed if re.fullmatch("[A-Z]{3}", proposed) else ""
    return proposed, "", Proposal(proposed, why)


def propose_time_zone(parts: list[PartDraft], proposed: str) -> Proposal:
    """The zone to confirm: offsets say which zones are possible, never which is meant."""
    offsets = sorted({offset.replace(":", "") for part in parts for offset in part.offsets}, reverse=True)
    if not offsets:
        return Proposal(proposed, _("nothing in the files says it"))
    fitting = [zone for known, zone in ZONES_OF.items() if set(offsets) <= set(known)]
    why = _("its times have the offset {offsets}").format(offsets=", ".join(offsets))
    return Proposal(proposed or next(iter(fitting), ""), why)
