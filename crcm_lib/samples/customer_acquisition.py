"""By which channel the synthetic company won each customer, and what that cost it.

Planted, so that it can be found: one channel brings customers who buy more often, one such who buy seldom,
the others anybody. Which purchases are made follows from neither.
"""

import numpy as np
import pandas as pd

CHANNELS = ("trade fair", "search advertising", "social media", "recommendation", "walk-in")
RECOMMENDED = "recommendation"  # those whom the table `referrals` names, and nobody else
SHARES = np.array([0.25, 0.25, 0.25, 0.0, 0.25])  # of the others, as if all bought equally often
TILT = np.array(
    [2.2, 0.0, -1.4, 0.0, 0.0]
)  # log odds of the channel per standard deviation of log purchase rate
PRICE = {"trade fair": 150_00, "search advertising": 60_00, "social media": 35_00, "recommendation": 20_00}


def draw_channels(rng: np.random.Generator, people: pd.DataFrame, referrals: pd.DataFrame) -> pd.Series:
    """The channel that won each customer or prospect: multinomial, tilted by the true purchase rate."""
    log_rate = np.log(people["purchase_rate"].astype("float64"))
    standard = ((log_rate - log_rate.mean()) / log_rate.std()).fillna(0.0).to_numpy()
    weights = SHARES * np.exp(np.outer(standard, TILT))
    reached = weights.cumsum(axis=1) / weights.sum(axis=1, keepdims=True)
    drawn = (rng.random(len(people))[:, np.newaxis] > reached).sum(axis=1)
    channels = pd.Series(np.array(CHANNELS)[drawn], people.index)
    return channels.mask(people["customer_id"].isin(referrals["referred_id"]).to_numpy(), RECOMMENDED)


def sum_costs(
    rng: np.random.Generator, people: pd.DataFrame, channels: pd.Series, last: pd.Timestamp
) -> pd.DataFrame:
    """The `acquisition` table: a price for each customer won, a fifth up or down from month to month, in fen.

    Who walked in cost nothing, and has no rows.
    """
    months = pd.period_range(people["first_day"].min(), last, freq="M").rename("month")
    bought = people["purchases"] > 0
    won = pd.crosstab(people.loc[bought, "first_day"].dt.to_period("M"), channels[bought])
    won = won.reindex(index=months, columns=list(PRICE), fill_value=0)
    cost = (won * np.array(list(PRICE.values())) * rng.uniform(0.8, 1.2, won.shape)).round().astype("int64")
    cost.index = cost.index.to_timestamp()
    rows = cost.reset_index().melt("month", var_name="channel", value_name="cost")
    return rows[["channel", "month", "cost"]]
