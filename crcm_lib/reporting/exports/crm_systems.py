"""What CRM systems take: fields to create, columns of their import files, limits and how sure we are of each.

`documented` means that the vendor's page says so; `assumed` that no page was found, and the number is a
careful one. Nothing here was tried against a live account.
"""

from dataclasses import dataclass, field
from typing import Literal

from crcm_lib.i18n import _

Kind = Literal["key", "picklist", "text", "long text", "decimal", "date"]
ZOHO_IMPORT = "https://help.zoho.com/portal/en/kb/crm/faqs/data-administration/import/articles/faqs-import"
ZOHO_CHECKLIST = "https://www.zoho.com/crm/help/data-administration/import-data.html"
ZOHO_BULK = "https://www.zoho.com/crm/developer/docs/api/bulk-write/limitations.html"
BIGIN_FIELDS = "https://www.bigin.com/developer/docs/toppings/custom-field-types.html"  # of the same vendor


@dataclass(frozen=True)
class Limit:
    """A limit of an import, and where the vendor says so; `source` is "" for what is assumed."""

    what: str
    value: str
    source: str = ""


@dataclass(frozen=True)
class Field:
    """A column of an import file; `fact` is the column of the table that fills it, `length` in characters."""

    fact: str
    label: str
    kind: Kind
    length: int
    api: str = ""  # of a field that has to be created; "": the system has it

    @property
    def is_own(self) -> bool:
        """Whether it has to be created before the import."""
        return self.api != ""


@dataclass(frozen=True)
class System:
    """A CRM system and the two files that it imports.

    Attributes
    ----------
    name
        As `crcm export --for` takes it.
    suffix
        Of the files: ".csv" or ".xlsx".
    max_rows
        Of one file; more is split.
    max_bytes
        Of one CSV file; more is split. A workbook of `max_rows` stays far below what any system takes.
    forbidden
        Signs that no value may hold, with what stands in their place.
    accounts, tasks
        The columns of the two files; the first one is the key, whose label follows from the ids.
    modules
        What the system calls accounts and tasks.
    words
        The words of the system for those of CRCM; what is not there stands as it is.
    chinese
        Whether names are those that the policy gives as `zh`.
    """

    name: str
    title: str
    suffix: str
    max_rows: int
    accounts: tuple[Field, ...]
    tasks: tuple[Field, ...]
    modules: tuple[str, str]
    forbidden: dict[str, str] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    max_bytes: int = 25_000_000
    chinese: bool = False

    @property
    def replaced(self) -> str:
        """The forbidden signs with those in their place."""
        return ", ".join(f"{sign} → {other}" for sign, other in self.forbidden.items())


ZOHO = System(
    name="zoho",
    title="Zoho CRM",
    suffix=".csv",
    max_rows=10_000,
    accounts=(
        Field("customer_id", "CRCM ID", "key", 255, "CRCM_ID"),
        Field("tier", "CRCM Tier", "picklist", 120, "CRCM_Tier"),
        Field("score", "CRCM Score", "decimal", 16, "CRCM_Score"),
        Field("segment", "CRCM Segment", "text", 255, "CRCM_Segment"),
        Field("alert", "CRCM Alert", "text", 255, "CRCM_Alert"),
        Field("value", "CRCM Value", "decimal", 16, "CRCM_Value"),
        Field("reason", "CRCM Reason", "long text", 2_000, "CRCM_Reason"),
        Field("as_of", "CRCM As Of", "date", 10, "CRCM_As_Of"),
    ),
    tasks=(
        Field("customer_id", "Related To", "key", 255),
        Field("subject", "Subject", "text", 255),
        Field("day", "Due Date", "date", 10),
        Field("owner", "Owner", "text", 255),
        Field("priority", "Priority", "picklist", 120),
        Field("status", "Status", "picklist", 120),
        Field("description", "Description", "long text", 2_000),
    ),
    modules=("Accounts", "Tasks"),
    forbidden={'"': "'", "|": "/", "<": "‹", ">": "›"},
    words={"soon": "High", "later": "Normal", "open": "Not Started", "offer": "offer: "},
)

FXIAOKE = System(
    name="fxiaoke",
    title="纷享销客",
    suffix=".xlsx",
    max_rows=2_000,
    accounts=(
        Field("customer_id", "客户编号", "key", 100),
        Field("tier", "客户级别", "picklist", 100),
        Field("score", "CRCM评分", "decimal", 16, "crcm_score__c"),
        Field("segment", "CRCM分群", "text", 100, "crcm_segment__c"),
        Field("alert", "CRCM预警", "text", 100, "crcm_alert__c"),
        Field("value", "CRCM价值", "decimal", 16, "crcm_value__c"),
        Field("reason", "CRCM原因", "long text", 2_000, "crcm_reason__c"),
        Field("as_of", "CRCM日期", "date", 10, "crcm_as_of__c"),
    ),
    tasks=(
        Field("customer_id", "客户编号", "key", 100),
        Field("subject", "主题", "text", 100),
        Field("day", "截止日期", "date", 10),
        Field("owner", "负责人", "text", 100),
        Field("priority", "优先级", "picklist", 100),
        Field("status", "状态", "picklist", 100),
        Field("description", "销售记录内容", "long text", 2_000),
    ),
    modules=("客户", "销售记录/任务"),
    words={
        **{"soon": "高", "later": "普通", "open": "未开始", "offer": "推荐："},
        **{"none": "无", "watch": "关注", "warning": "预警", "urgent": "紧急"},
    },
    chinese=True,
)

SYSTEMS = {system.name: system for system in (ZOHO, FXIAOKE)}


def list_limits(system: System) -> list[Limit]:
    """The limits that the files keep, with what says so."""
    exist = _("they must exist before the import")
    if system.name == "zoho":
        return [
            Limit(
                _("records of one import: free, standard, professional, enterprise"),
                "1,000 · 10,000 · 20,000 · 30,000",
                ZOHO_IMPORT,
            ),
            Limit(_("signs that no value may hold"), '" | < >', ZOHO_CHECKLIST),
            Limit(_("values of a picklist"), exist, ZOHO_CHECKLIST),
            Limit(_("megabytes of one file"), _("25, of the bulk interface"), ZOHO_BULK),
            Limit(_("columns of one file"), _("200, of the bulk interface"), ZOHO_BULK),
            Limit(
                _("characters of a single line; digits of a decimal"),
                _("255; 16, of Bigin by the same vendor"),
                BIGIN_FIELDS,
            ),
            Limit(
                _("characters of a value of a picklist; of a multi-line field (small)"),
                "120; 2,000",
            ),
        ]
    return [
        Limit(_("records of one import"), "2,000"),
        Limit(_("characters of a line of text; of text of several lines"), "100; 2,000"),
        Limit(_("values of a picklist"), exist),
    ]
