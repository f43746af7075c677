"""What the policy says of its objective, of others' numbers, of whose a customer is, of personal data."""

from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import Field

from crcm_lib.config.bands import Strict

Named = Annotated[str, Field(min_length=1, max_length=80, pattern=r"\S")]
Sentence = Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]
Multiplier = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]
Days = Annotated[int, Field(ge=1, le=36_500)]
Objective = Literal["retain", "grow", "cut cost"]
CARDS = ("customers", "active", "spend_year", "repeat_share", "spend_expected", "margin_expected", "at_risk")
Kpi = Literal[
    "customers",
    "active",
    "spend_year",
    "repeat_share",
    "spend_expected",
    "margin_expected",
    "at_risk",
    "market_spend",
    "wallet",
]
Basis = Literal["consent", "contract", "legal duty", "legitimate interests", "to confirm"]
OBJECTIVES_ZH = {"retain": "留存", "grow": "增长", "cut cost": "降本"}


class Emphasis(Strict):
    """What an objective changes (目标的影响), and nothing else: weights of criteria, and what is read first.

    `multipliers` of the criteria's weights, which are then shares of their sum; a criterion that is not named
    keeps 1. `cards` and `answers` come first on the report's first page: numbers by name, notebooks by name.
    """

    multipliers: dict[Named, Multiplier] = Field(default_factory=dict)
    cards: tuple[Named, ...] = ()
    answers: tuple[Named, ...] = ()


class Dated(Strict):
    """Something found out on a day, which is old `valid_days` after it."""

    source: Sentence
    day: date
    valid_days: Days = 365

    @property
    def until(self) -> date:
        """The last day on which it is not old."""
        return self.day + timedelta(days=self.valid_days)


class Benchmark(Dated):
    """A number of others (行业基准, 竞争对手) to hold beside ours.

    `kpi` is one of the first page's; or `market_spend`, what the whole market spends in 365 days; or
    `wallet`, what a customer like ours spends with all suppliers together in 365 days. `unit` is that of
    `value`; shares are 0…1, amounts in the policy's currency.
    """

    name: Named
    kpi: Kpi
    value: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    unit: Named


class RegionNote(Dated):
    """What to know of a region's culture, law or market (文化、法规、市场环境) before a contact."""

    region: Named
    kind: Literal["culture", "law", "market"]
    note: Sentence
    note_zh: str = ""


class AccountOwnership(Strict):
    """Whose a customer is where two claim it (客户归属): the rule, who decides, within how many days."""

    rule: Sentence
    rule_zh: str = ""
    decided_by: Named
    within_days: Days


class InventoryEntry(Strict):
    """Why a table or a column of personal data is held, on which ground, and how long.

    What is null is as the schema has it for the table. `retention_days` run from the day of the record.
    """

    purpose: Sentence | None = None
    purpose_zh: Sentence | None = None
    basis: Basis | None = None
    retention_days: Days | None = None
    review_by: date | None = None


class Privacy(Strict):
    """Below how many customers a cell is hidden; who answers for personal data, and the inventory of it.

    `controller` is the company's name, `contact` the address to which customers write, `officer` the role
    that answers within the company. `inventory` is by table, or by table and column: `customers.birthday`.
    """

    min_cell: Annotated[int, Field(ge=2)]
    controller: Sentence | None = None
    contact: Annotated[str, Field(min_length=5, max_length=200, pattern=r"\S")] | None = None
    officer: Named | None = None
    inventory: dict[Named, InventoryEntry] = Field(default_factory=dict)
