"""What the models of customer lifetime value assume, in words."""

from collections.abc import Iterable

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.models.clv.diagnostics import AssumptionCheck
from crcm_lib.reporting.text.numbers import fill


def describe_assumptions(checks: Iterable[AssumptionCheck]) -> pd.DataFrame:
    """One row per assumption, in words: `assumption`, `measured` in the data, and the `consequence`."""
    names, measured, too_few, consequences = _assumption_words()
    rows = [
        (
            names[check.assumption],
            fill((measured if check.measured else too_few)[check.assumption], **check.measured),
            consequences[check.consequence],
        )
        for check in checks
    ]
    return pd.DataFrame(rows, columns=["assumption", "measured", "consequence"])


def _assumption_words() -> tuple[dict[str, str], ...]:
    names = {
        "spend_independent_of_frequency": _("spend per purchase does not depend on frequency"),
        "purchase_counts_as_expected": _("repeat purchases are distributed as the model says"),
        "purchases_at_random": _("customers buy at random moments, not at regular ones"),
        "spend_is_stationary": _("a customer's purchases keep their size"),
        "cohorts_are_alike": _("customers won early and late are alike"),
        "no_season": _("no season"),
    }
    measured = {
        "spend_independent_of_frequency": _(
            "rank correlation {spend_correlation:+.2f} ({spend_correlation_low:+.2f} to "
            "{spend_correlation_high:+.2f}); the limit is ±{limit:number}"
        ),
        "purchase_counts_as_expected": _(
            "{misplaced_share:share} of customers have another count than expected"
        ),
        "purchases_at_random": _(
            "days between purchases are as even as those of an Erlang distribution of shape "
            "{erlang_shape:number}; 1 is random"
        ),
        "spend_is_stationary": _(
            "the same customers' purchases changed by {change:change} ({change_low:change} to "
            "{change_high:change})"
        ),
        "cohorts_are_alike": _(
            "repeat purchases against expected, earliest to latest third: {actual_to_expected:share}, each "
            "within {half_width:share} or less by chance"
        ),
        "no_season": _(
            "months repeat last year's with correlation {correlation:+.2f}; the best is "
            "{best_month_excess:change} above the year"
        ),
    }
    too_few = {
        "spend_independent_of_frequency": _("too few repeat buyers to tell"),
        "purchases_at_random": _("too few customers with three or more gaps"),
        "spend_is_stationary": _("too few bought both in the last 180 days and before"),
        "cohorts_are_alike": _("too few customers to compare"),
        "no_season": _("fewer than 24 whole months: a season cannot be told from a trend"),
    }
    consequences = {
        "holds": _("holds"),
        "cannot_tell": _("cannot tell"),
        "within_chance": _("cannot tell: the thirds differ, and chance may explain it"),
        "shrunken_mean_used": _("spend per purchase is a shrunken mean"),
        "gamma_gamma_used": _("Gamma-Gamma is used"),
        "gamma_gamma_not_used": _("Gamma-Gamma is not used: see remarks"),
        "trust_backtest": _("does not hold: trust the backtest more than the model's own probabilities"),
        "model_knows_regularity": _("not needed: the model knows how regular purchases are"),
        "correction_knows_gaps": _("does not hold; the correction knows each customer's gaps"),
        "p_alive_too_high": _(
            "does not hold: who is overdue is more surely gone than the model says; see 05"
        ),
        "totals_may_drift": _("does not hold: read totals with this change in mind"),
        "correction_knows_age": _("does not hold; the correction knows for how long a customer is known"),
        "trust_ranking_within_cohort": _(
            "does not hold: trust the ranking within a third more than between thirds"
        ),
        "whole_years_only": _(
            "does not hold: fair over whole years only; a shorter horizon needs the season in mind"
        ),
    }
    return names, measured, too_few, consequences
