"""Who is trained, talks in the community, has ideas and is interviewed: planted, so that it can be found.

Tickets are drawn before. Who was trained and when is drawn given the tickets, by Bayes' theorem, so that both
together are as if the training had come first and had left `ASKS_AFTER` of the questions.
"""

import numpy as np
import pandas as pd

TRAINED_SHARE = 0.5  # of those with us in the half-year of the trainings
ASKS_AFTER = 0.25  # of a customer's questions, after the training
FROM, UNTIL = 360, 181  # days before the last one: when trainings were held
QUESTION_RATE = 0.0007 * 0.7  # per day: tickets that are no complaint, see `feedback.draw_tickets`
MEMBER_SHARE, MEMBER_SHARE_OF_ADVOCATES = 0.06, 0.35  # in the community; of those who recommended somebody
POST_RATE, IDEA_RATE, IDEA_FACTOR = 0.015, 0.0003, 5  # per day; members have so many times as many ideas
INTERVIEW_RATE, INTERVIEWED_LEAVERS = 0.00008, 0.12
ADOPTED_SHARE, REVIEW_DAYS = 0.3, 60
COMMUNITY_DAYS = 540
DAY = pd.Timedelta(days=1)


def plant_engagement(
    rng: np.random.Generator,
    people: pd.DataFrame,
    planted: pd.DataFrame,
    tickets: pd.DataFrame,
    referrals: pd.DataFrame,
    *,
    last: pd.Timestamp,
    asks_after: float = ASKS_AFTER,
) -> pd.DataFrame:
    """The truth: `customer_id`, `trained` (day; missing: never), `in_community`, `silent`.

    Parameters
    ----------
    people
        `customer_id`, `company`, `first_day`, `days_with_us`, `purchases`, `dropped_out`.
    planted
        From `contact_history.plant_contact_rates`: with the silent nobody deals.
    tickets, referrals
        What was drawn of them.
    last
        The last day of the history.
    asks_after
        The share of their questions that those trained still ask; 1: training changes nothing.
    """
    asked = tickets[tickets["kind"] != "complaint"].groupby("customer_id")["opened"].agg(list)
    silent = planted["silent"].to_numpy() | (people["purchases"] == 0).to_numpy()
    first = (people["first_day"] - (last - FROM * DAY)).dt.days.clip(lower=0).to_numpy()
    until = people["first_day"] + (people["days_with_us"] - 1) * DAY
    left = (until - (last - FROM * DAY)).dt.days.to_numpy()
    chance, which = rng.random(len(people)), rng.random(len(people))
    trained = np.full(len(people), np.datetime64("NaT", "us"))
    for n in np.flatnonzero(~silent & (first < FROM - UNTIL) & (left > first)):
        days = np.arange(first[n] + 1, min(FROM - UNTIL, left[n]) + 1)
        times = asked.get(people["customer_id"].iloc[n], [])
        since = np.array([(time - (last - FROM * DAY)).days for time in times])
        later = (since[:, None] > days).sum(axis=0) if len(since) else np.zeros(len(days))
        weight = asks_after**later * np.exp(QUESTION_RATE * (1 - asks_after) * (left[n] - days))
        odds = TRAINED_SHARE * weight.mean() / (TRAINED_SHARE * weight.mean() + 1 - TRAINED_SHARE)
        if chance[n] < odds:
            place = np.searchsorted(weight.cumsum() / weight.sum(), which[n])
            trained[n] = np.datetime64(last - (FROM - int(days[min(place, len(days) - 1)])) * DAY, "us")
    share = np.where(
        people["customer_id"].isin(referrals["customer_id"]), MEMBER_SHARE_OF_ADVOCATES, MEMBER_SHARE
    )
    member = ~silent & (rng.random(len(people)) < share)
    facts = {"trained": trained, "in_community": member, "silent": silent}
    return pd.DataFrame({"customer_id": people["customer_id"].to_numpy(), **facts})


def draw_dealings(
    rng: np.random.Generator, people: pd.DataFrame, engaged: pd.DataFrame, last: pd.Timestamp
) -> pd.DataFrame:
    """Rows of `contacts`: trainings, posts in the community, ideas, interviews; none of the silent."""
    member, silent = engaged["in_community"].to_numpy(), engaged["silent"].to_numpy()
    trained = np.flatnonzero(engaged["trained"].notna())
    rows = [(trained, engaged["trained"].to_numpy()[trained], "training", "outbound", "attended")]
    since = (last - people["first_day"]).dt.days - people["days_with_us"] + 1  # days since they left
    window = np.clip(COMMUNITY_DAYS - since, 0, people["days_with_us"]).to_numpy() * member
    rows.append((*_draw(rng, people, window * POST_RATE, window), "community", "inbound", "posted"))
    days = people["days_with_us"].to_numpy() * ~silent
    rate = IDEA_RATE * np.where(member, IDEA_FACTOR, 1)
    who, day = _draw(rng, people, days * rate, days)
    outcome = np.where(rng.random(len(who)) < ADOPTED_SHARE, "adopted", "not adopted")
    outcome = np.where(day > np.datetime64(last - REVIEW_DAYS * DAY), "under review", outcome)
    rows.append((who, day, "idea", "inbound", outcome))
    who, day = _draw(rng, people, days * INTERVIEW_RATE, days)
    gone = np.flatnonzero(
        people["dropped_out"].notna() & (rng.random(len(people)) < INTERVIEWED_LEAVERS) & ~silent
    )
    after = people["dropped_out"].to_numpy()[gone] + pd.to_timedelta(
        rng.integers(20, 90, len(gone)), unit="D"
    )
    here = after <= np.datetime64(last)
    who, day = np.concatenate([who, gone[here]]), np.concatenate([day, after[here]])
    rows.append((who, day, "interview", "outbound", "interviewed"))
    parts = []
    for who, day, channel, direction, outcome in rows:
        minute = pd.to_timedelta(rng.integers(480, 1200, len(who)), unit="min")
        frame = {"customer_id": people["customer_id"].to_numpy()[who], "time": pd.DatetimeIndex(day) + minute}
        words = {"channel": channel, "direction": direction, "outcome": outcome}
        parts.append(pd.DataFrame({**frame, **words}))
    return pd.concat(parts, ignore_index=True)


def _draw(
    rng: np.random.Generator, people: pd.DataFrame, expected: np.ndarray, window: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Events of a Poisson process in the last `window` days that each was with us: row numbers, days."""
    who = np.repeat(np.arange(len(people)), rng.poisson(expected))
    back = np.ceil(rng.random(len(who)) * window[who])
    until = people["first_day"] + pd.to_timedelta(people["days_with_us"], unit="D")
    return who, until.dt.normalize().to_numpy()[who] - pd.to_timedelta(back, unit="D").to_numpy()
