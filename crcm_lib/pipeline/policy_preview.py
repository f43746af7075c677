"""What a changed policy would do to the tiers of a published run, from the run's own tables."""

from pathlib import Path

from crcm_lib.config.indicator_rules import SCORABLE
from crcm_lib.config.policy import Policy
from crcm_lib.decisions.scorecard import ScorecardModel
from crcm_lib.decisions.tier_preview import TierPreview, preview_tiers
from crcm_lib.errors import UsageError
from crcm_lib.features import decision_inputs
from crcm_lib.i18n import _
from crcm_lib.pipeline import kept_policy
from crcm_lib.pipeline.files import short_path
from crcm_lib.schema import tables
from crcm_lib.schema.engine import open_engine


def preview_policy(run: Path, before: Policy, after: Policy) -> TierPreview:
    """Tiers by a policy and by a changed one on the tables of a run.

    Raises
    ------
    UsageError
        If the folder is no published run with tiers.
    """
    model = read_scorecard(run)
    if model is None:
        problem = _("{run}: not a published run with tiers; give one with --run")
        raise UsageError(problem.format(run=short_path(run)))
    day, engine = tables.read_about(run).as_of, open_engine(run)
    known = {
        name: tables.read(run, name) for name in (*SCORABLE, "tiers") if tables.exists(run, name)
    } | decision_inputs.derive(engine, as_of=day)
    decided = decision_inputs.find_approvals(engine, as_of=day)
    return preview_tiers(before, after, known, model, decided, as_of=day)


def read_scorecard(run: Path) -> ScorecardModel | None:
    """The scales and borders that a run learned; None where the folder is no run with tiers."""
    if not tables.exists(run, "tiers") or not tables.model_path(run, "tiers").exists():
        return None
    return ScorecardModel.from_json(tables.read_model(run, "tiers"))


def read_borders(run: Path, policy: Policy) -> tuple[ScorecardModel | None, str]:
    """What a run learned, and its name, if it gave its tiers by this policy; else None, and why in words."""
    model = read_scorecard(run)
    if model is None:
        return None, _("no run, so no border is known")
    its = kept_policy.read(run)
    if its.criteria != policy.criteria or its.weights != policy.weights or its.tiers != policy.tiers:
        return None, _("{run} gave its tiers by another policy").format(run=run.name)
    return model, _("borders in force by {run}").format(run=run.name)
