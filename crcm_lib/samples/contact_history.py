"""Who is spoken with, by which channel and with what answer: planted, so that it can be found again."""

import numpy as np
import pandas as pd

CHANNELS = ("phone", "email", "social", "chat", "visit", "event", "campaign")
COMPANY_MIX = (0.40, 0.25, 0.02, 0.05, 0.18, 0.06, 0.04)  # share of each channel, until a year ago
PERSON_MIX = (0.30, 0.28, 0.14, 0.08, 0.01, 0.03, 0.16)
SHIFT = 0.15  # of all contacts, from phone to chat a year before the last day
ANSWERED = (0.65, 0.40, 0.50, 0.85, 0.97, 0.90, 0.15)  # share of outbound contacts that are answered
OUTCOMES = {"information": 0.50, "offer sent": 0.28, "order": 0.17, "complaint": 0.05}  # of those answered
CONTACT_RATES = {  # per day; bargain hunters, who bring least, are contacted most
    "restockers": 0.005,
    "project buyers": 0.005,
    "bargain hunters": 0.012,
    "enthusiasts": 0.004,
}
PROSPECT_RATE, AT_START = 0.003, 1.5
SILENT_SHARE, SILENT_DAYS = 0.12, 400  # with whom nobody has spoken since so many days before the last one
YEAR = pd.Timedelta(days=365)


def plant_contact_rates(rng: np.random.Generator, people: pd.DataFrame) -> pd.DataFrame:
    """What a simulator knows of contacts: `contact_rate` (per day) and whether nobody speaks with them now.

    Neither depends on whether a customer leaves.
    """
    rate = people["group"].astype("object").map(CONTACT_RATES).fillna(PROSPECT_RATE).astype("float64")
    silent = rng.random(len(people)) < SILENT_SHARE
    return pd.DataFrame({"customer_id": people["customer_id"], "contact_rate": rate, "silent": silent})


def draw_contacts(
    rng: np.random.Generator, people: pd.DataFrame, planted: pd.DataFrame, last: pd.Timestamp
) -> pd.DataFrame:
    """The `contacts` table: a Poisson process while a customer is with us, in office hours; prospects too.

    Parameters
    ----------
    people
        `customer_id`, `company`, `first_day`, `days_with_us`.
    planted
        From `plant_contact_rates`, in the same order.
    last
        The last day of the history.
    """
    days = people["days_with_us"].to_numpy()
    who = np.repeat(np.arange(len(people)), rng.poisson(AT_START + planted["contact_rate"].to_numpy() * days))
    minute = np.floor(rng.random(len(who)) * days[who]) * 1440 + rng.integers(480, 1200, len(who))
    time = people["first_day"].to_numpy()[who] + pd.to_timedelta(minute, unit="min")
    spoken = ~planted["silent"].to_numpy()[who] | (time <= last - pd.Timedelta(days=SILENT_DAYS))
    mix = np.where(people["company"].to_numpy(bool)[who, None], COMPANY_MIX, PERSON_MIX)
    mix[time > last - YEAR, CHANNELS.index("phone")] -= SHIFT
    mix[time > last - YEAR, CHANNELS.index("chat")] += SHIFT
    channel = (rng.random(len(who))[:, None] > mix.cumsum(axis=1)[:, :-1]).sum(axis=1)
    outbound = (rng.random(len(who)) < 0.6) | (channel == CHANNELS.index("campaign"))
    answered = ~outbound | (rng.random(len(who)) < np.array(ANSWERED)[channel])
    outcome = np.array(list(OUTCOMES))[rng.choice(len(OUTCOMES), len(who), p=list(OUTCOMES.values()))]
    contacts = {
        "customer_id": people["customer_id"].to_numpy()[who],
        "time": time,
        "channel": np.array(CHANNELS)[channel],
        "direction": np.where(outbound, "outbound", "inbound"),
        "outcome": np.where(answered, outcome, "no answer"),
    }
    return pd.DataFrame(contacts)[spoken]
