"""Who asks and who is trained; trained customers beside others like them."""

import pandas as pd

from crcm_lib.features.engagement import HALF_YEAR, YEAR, count_between, list_dealings, list_events
from crcm_lib.features.holdout_windows import Holdout
from crcm_lib.models.matched_comparison import NOTHING, MatchedComparison, compare_matched
from crcm_lib.schema.engine import Engine

NUMBERS = ("asked_before", "purchases_365d", "days_since_last")
ALIKE = "subject_type"
OUTCOMES = ("questions", "complaints")


def compare_trained(engine: Engine, windows: list[Holdout], *, seed: int = 0) -> MatchedComparison:
    """Who attended a training in the half-year before a window, beside others who were like them.

    Counted are questions and complaints in the window; alike in what they had asked in the year before the
    half-year of the trainings, so that what a training may have changed is not matched on, in purchases, and
    in the kind of customer. Whoever is trained in the window itself is no other and is left out.

    Parameters
    ----------
    engine
        Holds the clean tables `contacts` and `tickets`.
    windows
        From `features.holdout_windows.hold_out_windows`; the first is taken.
    seed
        Of the permutations.
    """
    if not windows:
        return NOTHING
    window, half = windows[0], pd.Timedelta(days=HALF_YEAR)
    asked = list_events(engine, "questions", as_of=window.end)
    complained = list_events(engine, "complaints", as_of=window.end)
    dealings = list_dealings(engine, as_of=window.end)
    trained = dealings[dealings["kind"] == "training"]
    if asked is None or complained is None or trained.empty:
        return NOTHING
    before = count_between(trained, window.customers.index, after=window.start - half, until=window.start) > 0
    since = count_between(trained, window.customers.index, after=window.start, until=window.end) > 0
    kept = window.customers.index[before | ~since]
    state = window.customers.loc[kept]
    year = window.start - half - pd.Timedelta(days=YEAR)
    state = state.assign(asked_before=count_between(asked, kept, after=year, until=window.start - half))
    outcomes = {
        name: count_between(events, kept, after=window.start, until=window.end).astype("float64")
        for name, events in zip(OUTCOMES, (asked, complained), strict=True)
    }
    words = [ALIKE] if ALIKE in state else []
    numbers = [name for name in NUMBERS if name in state]
    frame = pd.DataFrame(outcomes)
    return compare_matched(frame, before[kept], state, numbers=numbers, words=words, seed=seed)
