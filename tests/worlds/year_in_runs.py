"""A year of published runs of a simulated company: its plans are carried out, its queue decided, it lives.

Each month the company exports what it knows, a run is published that remembers the one before, what the plan
says is done (most of it), moves down that wait are decided in some months, and the customers buy. One action
wins what it is planted with, another nothing; a few customers buy hardly anything or much more after the
first run, the others as ever. Half way all runs but the latest are deleted.
`python -m worlds.year_figures` prints what a larger one shows.
"""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from crcm_lib.config.policy import Policy, read_policy
from crcm_lib.pipeline.plan import list_notebooks
from crcm_lib.pipeline.run import run
from crcm_lib.pipeline.settings import RunSettings
from crcm_lib.reporting.exports.lists import read_tasks
from crcm_lib.schema import tables
from crcm_lib.schema.tables import ROOT

FIRST_RUN, PAST = pd.Timestamp("2024-06-30"), 18  # the first run's last day, months known then
WORKS, DOES_NOTHING = "thank you call", "glossy letter"
ASSUMED, TRUTH = 0.10, {WORKS: 0.30, DOES_NOTHING: 0.0}
DONE = 0.9  # of what a run plans, before the next
CHANGED, LESS, MORE = 0.08, 0.05, 3.0  # shares of the customers in either direction, and their pace after it
DECIDED = (2, 4, 5, 7, 9, 11)  # months after whose run the queue is looked at
READ = (
    *("tiers", "waiting_moves", "actions", "calendar", "planned_assignments", "assignment_history"),
    *("programme_holdout", "experiments", "action_effects", "tier_history", "care", "promises"),
)
PLANTED = {"tiers": ["strategic", "key", "growth", "regular", "watch"], "lever": "communication"}
PLANTED |= {"channel": "phone", "owner_role": "inside sales", "effect": ASSUMED, "because": "planted"}
PLANTED |= {"contact": True, "zh": "-", "hours": 0.2, "cost": 2.0}
BUDGET = {"total": 1.6, "levers": {"communication": 1.3}, "hours": {"inside sales": 0.12}}  # a customer


def write_policy(folder: Path, customers: int) -> Path:
    """The default policy with two more actions, a holdout of a tenth, and a budget that binds."""
    rules = yaml.safe_load((ROOT / "policy.yaml").read_text("utf-8"))
    days = {WORKS: 27, DOES_NOTHING: 75}  # the letter's arms last over the next two runs
    planted = [PLANTED | {"name": name, "days": days[name], "capacity": customers} for name in TRUTH]
    rules["playbook"] = planted + rules["playbook"]
    rules["budget"] = {
        "total": round(BUDGET["total"] * customers, 2),
        "levers": {name: round(each * customers, 2) for name, each in BUDGET["levers"].items()},
        "tiers": {},
        "hours": {name: round(each * customers, 2) for name, each in BUDGET["hours"].items()},
    }
    rules["control"]["holdout_share"] = 0.1
    rules["privacy"]["min_cell"] = 2
    path = folder / "policy.yaml"
    path.write_text(yaml.safe_dump(rules, allow_unicode=True, sort_keys=False), "utf-8")
    return path


@dataclass
class Company:
    """Customers with a pace and a usual spend of their own, and what is known of them month by month."""

    folder: Path
    customers: int
    random: np.random.Generator
    sales: list[pd.DataFrame] = field(default_factory=list)
    done: list[pd.DataFrame] = field(default_factory=list)
    decided: list[pd.DataFrame] = field(default_factory=list)
    reported: set[tuple] = field(default_factory=set)

    def __post_init__(self):
        self.ids = pd.Index([f"K{n:05d}" for n in range(self.customers)], name="customer_id")
        self.pace = self.random.gamma(4, 1.0, self.customers).clip(0.4)  # purchases a month
        self.usual = np.exp(self.random.normal(3.0, 0.5, self.customers))
        self.factor = self.random.choice(
            [LESS, MORE, 1.0], self.customers, p=[CHANGED, CHANGED, 1 - 2 * CHANGED]
        )
        for back in range(PAST, 0, -1):
            self.live(FIRST_RUN - pd.offsets.MonthEnd(back), np.ones(self.customers))

    def live(self, last: pd.Timestamp, pace: np.ndarray) -> None:
        """The month after that day goes by."""
        ends = last + pd.offsets.MonthEnd(1)
        times = self.random.poisson(self.pace * pace)
        who = np.repeat(np.arange(self.customers), times)
        day = last + pd.to_timedelta(self.random.integers(1, (ends - last).days + 1, len(who)), unit="D")
        known = self.find_treated(WORKS)
        buys = pd.DataFrame({"customer_id": self.ids[who], "day": day}).merge(known, how="left")
        helped = buys["day"].between(buys["start"], buys["end"])
        spend = self.usual[who] * np.exp(self.random.normal(0, 0.3, len(who)))
        amount = spend * np.where(helped, 1 + TRUTH[WORKS], 1.0)
        self.sales.append(buys[["customer_id", "day"]].assign(amount=amount.round(2)))

    def find_treated(self, action: str) -> pd.DataFrame:
        """The latest days for which each customer had an action."""
        columns = ["customer_id", "action", "arm", "start", "end"]
        done = pd.concat([pd.DataFrame(columns=columns), *self.done])
        mine = done[(done["action"] == action) & (done["arm"] == "treatment")]
        latest = mine.drop_duplicates("customer_id", keep="last")[["customer_id", "start", "end"]]
        return latest.astype({"start": "datetime64[us]", "end": "datetime64[us]"})

    def export(self) -> Path:
        """Write what is known by now, and the description of it."""
        parts = {
            "transactions": (self.sales, {"customer_id": "customer_id", "time": "day", "amount": "amount"})
        }
        names = ["customer_id", "action", "arm", "start", "end", "cost"]
        parts["assignments"] = (self.done, {name: name for name in names})
        names = ["customer_id", "decision", "by", "day", "reason"]
        parts["approvals"] = (self.decided, {name: name for name in names})
        description = {"name": "year", "title": "A simulated company", "synthetic": True, "currency": "EUR"}
        description |= {"time_zone": "Europe/Berlin", "tables": {}}
        for name, (rows, columns) in parts.items():
            known = pd.concat(rows) if rows else pd.DataFrame()
            if len(known):
                known[list(columns.values())].to_csv(self.folder / f"{name}.csv", index=False)
                description["tables"][name] = {"path": f"{name}.csv", "columns": columns}
        path = self.folder / "year.yaml"
        path.write_text(json.dumps(description), "utf-8")
        return path

    def carry_out(self, planned: pd.DataFrame, as_of: pd.Timestamp) -> None:
        """Most of what a run has planned is done, and reported with the controls; the rest may be later."""
        drawn = pd.MultiIndex.from_frame(planned[["customer_id", "action", "start"]])
        was_done = (planned["arm"] == "control") | (self.random.random(len(planned)) < DONE)
        begun = planned["start"].clip(lower=as_of + pd.Timedelta(days=1))
        now = was_done & (begun <= planned["end"]) & ~drawn.isin(list(self.reported))
        self.done.append(planned.assign(start=begun)[now])
        self.reported.update(drawn[now])

    def decide(self, waiting: pd.DataFrame, as_of: pd.Timestamp) -> None:
        """Three of five moves down are approved, one is kept from falling, one is left undecided."""
        drawn = self.random.choice(["approve", "keep", ""], len(waiting), p=[0.6, 0.2, 0.2])
        rows = pd.DataFrame({"customer_id": waiting.index, "decision": drawn, "by": "sales director"})
        rows = rows.assign(day=as_of + pd.Timedelta(days=3), reason="seen")
        self.decided.append(rows[rows["decision"] != ""])


@dataclass(frozen=True)
class Month:
    """What was read from one published run, before any of it was deleted."""

    as_of: pd.Timestamp
    name: str
    previous: str
    tables: dict[str, pd.DataFrame]
    tasks: pd.DataFrame
    headline: str

    def __getitem__(self, table: str) -> pd.DataFrame:
        return self.tables[table]


def read_run(folder: Path) -> Month:
    """The tables, the tasks of the exports and the headline of the plan."""
    record = json.loads((folder / "run.json").read_text("utf-8"))
    told = {entry["name"]: entry["headline"] for entry in record["notebooks"]}
    found = {name: tables.read(folder, name) for name in READ}
    as_of = tables.read_about(folder).day.normalize()
    previous = record["evidence"]["previous"]
    return Month(as_of, folder.name, previous, found, read_tasks(folder), told["09_strategy"])


@dataclass(frozen=True)
class Year:
    """A company, its policy, and its months."""

    company: Company
    policy: Policy
    months: list[Month]


def copy_deciding(folder: Path) -> Path:
    """The notebooks until 10, on which plans and histories depend; the later ones only show."""
    kept = folder / "notebooks"
    kept.mkdir()
    for path in list_notebooks(ROOT / "notebooks"):
        if path.stem[:2] <= "10":
            shutil.copy(path, kept)
    return kept


def live_through(folder: Path, *, customers: int, months: int, seed: int = 0) -> Year:
    """Publish so many monthly runs; after half of them, all but the latest are deleted."""
    company = Company(folder, customers, np.random.default_rng(seed))
    policy, out, told = write_policy(folder, customers), folder / "reports", []
    given = {"policy": str(policy), "out": str(out), "notebooks": str(copy_deciding(folder))}
    for number in range(months):
        as_of = FIRST_RUN + pd.offsets.MonthEnd(number)
        published = run(RunSettings(source=str(company.export()), as_of=f"{as_of:%Y-%m-%d}", **given))
        told.append(read_run(published))
        company.carry_out(told[-1]["planned_assignments"], as_of)
        if number in DECIDED:
            company.decide(told[-1]["waiting_moves"], as_of)
        company.live(as_of, company.factor)
        if number == months // 2:
            for old in set(out.glob("year-*")) - {published}:
                shutil.rmtree(old)
    return Year(company, read_policy(policy), told)
