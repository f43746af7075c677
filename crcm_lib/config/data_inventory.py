"""The data inventory (数据清单): every column of a source with purpose, lawful ground and retention."""

from collections.abc import Iterable, Mapping

import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.schema.inputs import INPUTS

# Why the product reads a table at all, in English and in Chinese, and the ground that is usual for it: a
# proposal. Which ground is right depends on the country and the company, who must confirm it.
PURPOSES: dict[str, tuple[str, str, str]] = {
    "transactions": (
        "performing and accounting for orders; what each customer buys, for classification",
        "履行和核算订单；了解客户购买情况，用于客户分级",
        "contract",
    ),
    "customers": ("knowing with whom one deals", "识别和联系客户", "contract"),
    "contacts": (
        "keeping the relationship, not approaching too often",
        "维护客户关系，避免过度打扰",
        "to confirm",
    ),
    "tickets": ("answering requests and complaints", "处理服务请求和投诉", "contract"),
    "surveys": ("measuring satisfaction, improving service", "了解满意度，改进服务", "consent"),
    "invoices": ("collecting what is owed; how reliably it is paid", "收款；了解付款及时性", "contract"),
    "contracts": ("performing and renewing contracts", "履行和续签合同", "contract"),
    "loyalty": ("keeping the accounts of the loyalty programme", "管理会员积分", "contract"),
    "judgements": (
        "people's own evaluation of companies, for classification",
        "人工评价，用于客户分级",
        "to confirm",
    ),
    "assignments": ("finding out whether an action worked", "检验营销和服务措施是否有效", "to confirm"),
    "consents": ("proving and keeping consent and objection", "记录并落实同意与拒绝", "legal duty"),
    "approvals": ("a named person decides on moves between tiers", "客户等级变更的人工审批", "to confirm"),
    "opportunities": ("following offers and their outcome", "跟进商机", "to confirm"),
    "measures": (
        "how what was sold is used, for classification",
        "了解产品使用情况，用于客户分级",
        "to confirm",
    ),
    "acquisition": ("what winning customers costs; names nobody", "核算获客成本；不涉及个人", "to confirm"),
    "referrals": ("thanking who recommends us", "了解并感谢推荐人", "to confirm"),
    "defaults": ("deciding on credit terms of companies", "评估企业客户的信用", "contract"),
}


def list_inventory(
    policy: Policy, declared: Mapping[str, Mapping[str, str]], read: Mapping[str, Iterable[str]]
) -> pd.DataFrame:
    """Each column that a source declares or a run has read.

    Parameters
    ----------
    policy
        `privacy.inventory`: an entry of a column goes before that of its table, and that before `PURPOSES`.
    declared
        By table: our columns, and what the source calls them.
    read
        By table the columns that the clean tables of a run have.

    Returns
    -------
    One row per column: `table`, `column`, `theirs` ("" where cleaning made it), `is_read`, `purpose`,
    `purpose_zh`, `basis`, `retention_days` (missing where nobody has set any), `is_confirmed` (the policy
    names the ground, not the product), `is_protected` (may not be scored).
    """
    protected = {name.lower() for name in policy.fairness.protected}
    rows = []
    for table in INPUTS:
        theirs, here = declared.get(table, {}), set(read.get(table, ()))
        for column in [*theirs, *sorted(here - set(theirs))]:
            entries = [policy.privacy.inventory.get(place) for place in (f"{table}.{column}", table)]
            given = [entry for entry in entries if entry is not None]
            usual = dict(zip(("purpose", "purpose_zh", "basis"), PURPOSES[table], strict=True))
            facts = {
                key: next(
                    (value for entry in given if (value := getattr(entry, key)) is not None), usual.get(key)
                )
                for key in ("purpose", "purpose_zh", "basis", "retention_days")
            }
            if facts["purpose_zh"] == usual["purpose_zh"] and facts["purpose"] != usual["purpose"]:
                facts["purpose_zh"] = facts["purpose"]  # the policy's own words, where it has no Chinese ones
            is_confirmed = any(entry.basis not in (None, "to confirm") for entry in given)
            row = {
                "table": table,
                "column": column,
                "theirs": theirs.get(column, ""),
                "is_read": column in here,
            }
            rows.append(
                row | facts | {"is_confirmed": is_confirmed, "is_protected": column.lower() in protected}
            )
    return pd.DataFrame(rows)


def list_retention(policy: Policy) -> dict[str, int]:
    """For how many days the records of a table may be kept, by table: the shortest that the policy sets."""
    found: dict[str, int] = {}
    for place, entry in policy.privacy.inventory.items():
        if entry.retention_days is not None:
            table = place.partition(".")[0]
            found[table] = min(found.get(table, entry.retention_days), entry.retention_days)
    return found
