"""The classification policy, typed. A manager owns `policy.yaml`; this module owns its meaning."""

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from crcm_lib.config.bands import Band, Segment, Strict
from crcm_lib.config.credit_policy import Receivables
from crcm_lib.config.governance_policy import (
    AccountOwnership,
    Benchmark,
    Emphasis,
    Objective,
    Privacy,
    RegionNote,
)
from crcm_lib.config.market_policy import Market
from crcm_lib.config.overrides import apply_overrides
from crcm_lib.config.policy_rules import CHECKS
from crcm_lib.config.service_policy import Improvement, ServiceLevel, Survey, Topic
from crcm_lib.config.yaml_loader import build, read_settings
from crcm_lib.errors import PolicyError
from crcm_lib.i18n import _
from crcm_lib.schema.tables import resolve

Name = Annotated[str, Field(min_length=1, max_length=80)]
Words = Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Half = Annotated[float, Field(ge=0, le=0.5, allow_inf_nan=False)]
Weight = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Points = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Times = Annotated[float, Field(ge=1, le=9, allow_inf_nan=False)]
Days = Annotated[int, Field(ge=1, le=36_500)]
Lever = Literal["product", "price", "service", "communication", "marketing"]
Need = Literal["premium", "personalised", "price_led", "standardised"]
Kpi = Literal["questions", "complaints", "recommendations", "contacts"]
Newcomer = Literal["promising", "ordinary", "modest"]
Answer = Literal["nps", "csat"]
Stage = Literal["prospect", "new", "one order", "growing", "loyal", "at risk", "lost", "won back"]


class RFM(Strict):
    """How recency, frequency and spend become scores and segments."""

    bins: Annotated[int, Field(ge=2, le=10)]
    cuts: dict[str, tuple[float, ...]] | None = None
    compare_days: Days
    segments: tuple[Segment, ...]


class Lifecycle(Strict):
    """Windows of the lifecycle, learned from the customers' own days between purchases."""

    new_share: Share
    at_risk_quantile: Share
    lost_quantile: Share
    lost_return_share: Share


class Churn(Strict):
    """How far ahead a purchase is missed, how sure an alert must be, what a call costs and keeps."""

    horizon_days: Days | None = None
    false_alerts: Annotated[float, Field(gt=0, le=0.5, allow_inf_nan=False)]
    call_cost: Amount
    call_success: Share
    decline: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]


class Indicator(Strict):
    """One measured thing and how it becomes 0…100.

    Without `points` and `levels` the raw number becomes its percentile among the customers that the
    scorecard was learned from; equal numbers share a percentile. With `scale: proportional`, for amounts
    whose size matters, points are in proportion to the number: twice as much has twice the points, and 100
    is the number that one customer in a hundred reaches. `points` are fixed anchors [[raw, points], …],
    straight between and level outside; `levels` give points to words. `definition` and `unit` say what a
    name means that the data give; of all others the data dictionary does.
    """

    name: Name
    zh: str = ""
    definition: Words | None = None
    unit: Name | None = None
    table: Name
    column: Name
    weight: Weight
    better: Literal["higher", "lower"] = "higher"
    scale: Literal["percentile", "proportional"] = "percentile"
    points: tuple[tuple[float, Points], ...] | None = None
    levels: dict[str, Points] | None = None


class Criterion(Strict):
    """One of the criteria, with its share of the score.

    With fewer points than `terms_from` a customer gets no price, discount, fee or credit terms; who would
    fall for this criterion alone keeps the tier in force.
    """

    name: Name
    zh: str
    weight: Weight
    terms_from: Points | None = None
    indicators: tuple[Indicator, ...]


class Weighting(Strict):
    """How criteria compare in pairs (AHP): weights for 08 to show beside the policy's, never used.

    `ahp` names each pair once: {contribution: {loyalty: 2}} says that contribution matters twice as much, on
    Saaty's scale from 1 (as much) to 9 (far more); give the criterion that matters more first.
    """

    ahp: dict[Name, dict[Name, Times]] = Field(default_factory=dict)


class Condition(Strict):
    """What a tier asks of the score or of a criterion: given points, or a place among the top buyers."""

    at_least: Points | None = None
    below: Points | None = None
    top_share: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] | None = None


class Tier(Strict):
    """A tier; ordered from the best, the first whose `when` holds wins, the last has none."""

    name: Name
    zh: str
    when: dict[str, Condition] = Field(default_factory=dict)
    because: Name
    because_zh: Words = ""


class ReleasedMove(Strict):
    """Moves down from one tier to another that a named person releases for all customers, until a day."""

    before: Name
    after: Name
    by: Name
    day: date
    until: date
    because: Name


class Approvals(Strict):
    """When a tier in force gives way to the one proposed.

    `margin` is how many points beyond a border a customer must be, or have moved since; a move down waits
    `undecided_days` for a named person, then it lapses for as long; what a person has set or kept holds for
    `decision_days`, where the decision names no day.
    """

    margin: Points
    undecided_days: Days
    decision_days: Days
    rules: tuple[ReleasedMove, ...] = ()


class Terms(Strict):
    """The published rule by which everybody in the action's tiers gets its terms, natural persons too.

    From `start` to `end` neither capacity nor control group nor expected gain decides who gets them.
    """

    approver: Words
    disclosure: Words
    start: date
    end: date


class Action(Strict):
    """Something to do for the customers of some tiers and stages.

    `cost` and `hours` (of the owner role) are of doing it once for one customer; `effect` is the assumed
    share of `of` that the action wins, an assumption until earlier `assignments` have measured it; `days` is
    how long the comparison with the control group runs; `contact: false` marks what the customer need not be
    approached for, outside the contact cap; `offers: true` one that offers items not bought yet;
    `every_weeks` repeats the action until `days` are over. `because` is why, for us; `say` a sentence for
    the customer; `because_zh` and `say_zh` the same in Chinese.

    `stages`, `alerts`, `classes` (of newcomers and prospects, from 04), `leaving` (chance of no purchase,
    from 05), `points` (of criteria, from 08), `answers` (nps, csat from 07: one of the bands is enough) and
    `owned` (the data name an owner) narrow the tiers: all that are given must be known and hold.
    `new_members` leaves out who has points in the loyalty programme already; `needs` are those that the
    customer's purchases of the year show. `asks_for_help` is how many questions (tickets that are no
    complaint) somebody must have asked in 180 days without a training since; `advocates` are those who
    recommended somebody, gave 9 or 10 as the latest answer to NPS, or were in the community within a year;
    `new_to_community` leaves out who was. `kpi` is what the action is meant to change, counted of treated and
    controls by 19: `questions`, `complaints`, `recommendations`, or `contacts` that the customer begins.
    `industries`, `sizes`, `regions` and `company_age` (years since it was founded) ask for a profile: an
    attribute of the data, never a protected one.
    """

    name: Name
    zh: str = ""
    lever: Lever
    terms: bool = False
    for_persons: Terms | None = None
    standard: bool = False
    tiers: tuple[Name, ...]
    stages: tuple[Stage, ...] = ()
    alerts: tuple[Literal["watch", "warning", "urgent"], ...] = ()
    classes: tuple[Newcomer, ...] = ()
    leaving: Band | None = None
    points: dict[Name, Band] = Field(default_factory=dict)
    answers: dict[Answer, Band] = Field(default_factory=dict)
    owned: bool = False
    new_members: bool = False
    needs: tuple[Need, ...] = ()
    asks_for_help: Annotated[int, Field(ge=1)] | None = None
    advocates: bool = False
    new_to_community: bool = False
    kpi: Kpi | None = None
    industries: tuple[Name, ...] = ()
    sizes: tuple[Name, ...] = ()
    regions: tuple[Name, ...] = ()
    company_age: Band | None = None
    channel: Name
    owner_role: Name
    cost: Amount
    hours: Amount | None = None
    capacity: Annotated[int, Field(ge=0)] | None = None
    effect: Share
    of: Literal["value", "value_at_risk"] = "value"
    days: Days = 90
    every_weeks: Annotated[int, Field(ge=1, le=520)] | None = None
    contact: bool = True
    offers: bool = False
    because: Name
    because_zh: Words = ""
    say: Words = ""
    say_zh: Words = ""

    @property
    def occasions(self) -> int:
        """How often it is done for a customer: once, or every so many weeks until `days` are over."""
        return 1 if self.every_weeks is None else 1 + (self.days - 1) // (7 * self.every_weeks)

    @property
    def contacts(self) -> int:
        """How often the customer is approached for it."""
        return self.occasions if self.contact else 0

    @property
    def sells(self) -> bool:
        """Whether its lever sells something: no action for who is called about what they owe."""
        return self.lever in ("product", "price", "marketing")


class Budget(Strict):
    """What the plan of one run may cost and take, repeats included; what is null or not named has no limit.

    Money in all (`total`), by lever and by tier of the customers, in the policy's currency; `hours` by owner
    role.
    """

    total: Amount | None = None
    levers: dict[Lever, Amount] = Field(default_factory=dict)
    tiers: dict[Name, Amount] = Field(default_factory=dict)
    hours: dict[Name, Amount] = Field(default_factory=dict)


class Care(Strict):
    """What is done on an occasion of a customer: a day of their own, a holiday, a long silence, or our event.

    A `second_order` is the day on which it is later than usual, by `newcomers.overdue_share`.

    `days_before` or `days_after` the day of the occasion; `holidays` names those of the policy's country as
    the library `holidays` does in English, in part. An event is on a `day` of ours, with `seats` (null: for
    all), the better tier first, then who has spent more; `members_only` invites members of the loyalty
    programme alone. Attention, never terms: it has no effect that is claimed.
    `because` is why, for us; `say` a sentence for the customer, `say_zh` the same in Chinese.
    """

    name: Name
    zh: str = ""
    occasion: Literal[
        "birthday",
        "anniversary",
        "contract_end",
        "complaint",
        "unanswered_complaint",
        "overdue",
        "second_order",
        "points_expiry",
        "survey",
        "silence",
        "holiday",
        "event",
    ]
    day: date | None = None
    seats: Annotated[int, Field(ge=1)] | None = None
    members_only: bool = False
    holidays: tuple[Name, ...] = ()
    days_before: Annotated[int, Field(ge=0, le=365)] = 0
    days_after: Annotated[int, Field(ge=0, le=60)] = 0
    tiers: tuple[Name, ...]
    channel: Name
    owner_role: Name
    cost: Amount
    hours: Amount | None = None
    because: Name
    say: Words = ""
    say_zh: Words = ""

    @property
    def is_service(self) -> bool:
        """Whether it belongs to what was agreed with the customer, and so needs no consent to marketing."""
        of_contract = ("contract_end", "complaint", "unanswered_complaint", "overdue", "points_expiry")
        return self.occasion in of_contract


class LoyaltyProgramme(Strict):
    """The rules of the loyalty programme, as its members know them.

    `point_value` is what a point takes off a price, in the policy's currency; null: points are shown, and no
    money. Points can be used for `expire_days`, the day they were earned included; null: they do not expire.
    `levels` are reached by the points earned in 365 days. Of points that are about to expire a member is
    told from `remind_points` a month on.
    """

    point_value: Amount | None = None
    expire_days: Days | None = None
    levels: dict[Name, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(default_factory=dict)
    remind_points: Amount = 0


class NewcomerRules(Strict):
    """When a second order is overdue, and what winning a customer costs.

    By the usual day the share `overdue_share` of those who ever order again have done it. `acquisition_cost`
    is what winning one customer by a channel costs, in the policy's currency, for channels of which the data
    have no costs (`acquisition`).
    """

    overdue_share: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = 0.67
    acquisition_cost: dict[Name, Amount] = Field(default_factory=dict)


class Contact(Strict):
    """How often one customer may be approached, and how many contacts of a channel one role does in a day.

    `max_contacts` counts the repeats of an action too; a channel that `per_day` does not name has no limit.
    After a contact or complaint a customer is not approached anew for `quiet_days` (0: at once), service
    excepted; who had no contact for more than `silent_days` is silent.
    """

    max_contacts: Annotated[int, Field(ge=1, le=100)]
    per_day: dict[Name, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    quiet_days: Annotated[int, Field(ge=0, le=365)] = 7
    silent_days: Days = 180


class Calendar(Strict):
    """Whose public holidays nobody is approached on: ISO 3166 code of two letters; null: weekends alone."""

    country: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = None


class Control(Strict):
    """The random part of those chosen for an action who do not get it, so that its effect can be seen.

    As large as the assumed effect needs, from `share` to `most`; where that takes more customers than one
    wave has, up to `waves` of them are pooled. `holdout_share` of all customers stay out of every action but
    service. `effect_spread` is how far true effects lie from the assumed ones: a standard deviation, in
    multiples of the assumed effect.
    """

    share: Half
    most: Half = 0.5
    waves: Annotated[int, Field(ge=1, le=100)] = 4
    holdout_share: Half = 0.0
    effect_spread: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = 1.0


class Monitoring(Strict):
    """How far back 10 looks."""

    compare_days: Days


class Fairness(Strict):
    """Attributes whose tier shares are compared, and attributes that may never be scored."""

    audit: tuple[Name, ...]
    protected: tuple[Name, ...]


class Policy(Strict):
    """The whole policy. `currency: source` means the currency of the data.

    `objective` names the entry of `objectives` that is in force; without one the weights are the criteria's
    own.
    """

    version: Annotated[int, Field(ge=1)]
    goal: Name | Annotated[str, Field(max_length=500)]
    goal_zh: Words = ""
    objective: Objective | None = None
    objectives: dict[Objective, Emphasis] = Field(default_factory=dict)
    owner: Name
    review_by: date
    currency: Annotated[str, Field(pattern="^(source|[A-Z]{3})$")]
    horizon_days: Days
    annual_discount_rate: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
    margin_rate: Share | None = None
    rfm: RFM
    lifecycle: Lifecycle
    churn: Churn
    criteria: tuple[Criterion, ...]
    weighting: Weighting = Weighting()
    tiers: tuple[Tier, ...]
    approvals: Approvals
    playbook: tuple[Action, ...]
    care: tuple[Care, ...] = ()
    service_levels: dict[Name, ServiceLevel] = Field(default_factory=dict)
    topics: tuple[Topic, ...] = ()
    improvements: tuple[Improvement, ...] = ()
    survey: Survey = Survey()
    markets: tuple[Market, ...] = ()
    budget: Budget = Budget()
    loyalty_programme: LoyaltyProgramme = LoyaltyProgramme()
    receivables: Receivables = Receivables()
    newcomers: NewcomerRules = NewcomerRules()
    contact: Contact
    calendar: Calendar = Calendar()
    control: Control
    monitoring: Monitoring
    benchmarks: tuple[Benchmark, ...] = ()
    region_notes: tuple[RegionNote, ...] = ()
    account_ownership: AccountOwnership | None = None
    privacy: Privacy
    fairness: Fairness

    @property
    def emphasis(self) -> Emphasis:
        """What the objective in force changes: nothing without one."""
        return Emphasis() if self.objective is None else self.objectives[self.objective]

    @property
    def weights(self) -> dict[str, float]:
        """The share of the score of each criterion, by the objective in force."""
        return self.weigh(self.objective)

    def weigh(self, objective: Objective | None) -> dict[str, float]:
        """The share of the score of each criterion under an objective; None: without one."""
        factors = {} if objective is None else self.objectives[objective].multipliers
        if not factors:
            return {each.name: each.weight for each in self.criteria}
        raised = {each.name: each.weight * factors.get(each.name, 1.0) for each in self.criteria}
        return {name: weight / sum(raised.values()) for name, weight in raised.items()}


def read_policy(path: str | Path, overrides: str = "{}") -> Policy:
    """Read and check a policy; a relative path starts at the project's root.

    Parameters
    ----------
    path
        The policy file.
    overrides
        A JSON object of policy paths and values, applied before the checks; see `apply_overrides`.

    Raises
    ------
    PolicyError
        Listing every problem of the file at once, each with its line and, for a name, the nearest known one.
    """
    settings = read_settings(resolve(path))
    if settings.content is None and not settings.problems:
        settings.note((), _("the file is empty"))
    if isinstance(settings.content, dict):
        apply_overrides(settings, overrides, Policy)
    policy = build(settings, Policy) if settings.content is not None else None
    for check in CHECKS:
        check(settings)
    if settings.problems or policy is None:
        raise PolicyError(settings.report())
    return policy
