"""What customers say to the synthetic company: tickets and surveys, with texts in Chinese and English.

Planted, so that it can be found: slow resolution lowers the mark for it; one item drives overall
satisfaction; the online shop is written about more often of late; plastic wrapping is a topic of no keyword;
one team has most of the tickets that wait long.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.samples.relations import DAY, draw_moments

CAUSES = ("late delivery", "damaged goods", "wrong item", "price query", "invoice query", "product advice")
CHANNELS, TEAMS = ("phone", "email", "chat", "social"), ("D1", "D2", "D3")
SLOW_HOURS, SLOW_TEAM = 48, (0.55, 0.25)  # chance that D3 has a ticket that took longer, and any other
ITEMS = ("delivery on time", "product quality", "ease of ordering", "expected service", "experienced service")
ITEM_WEIGHTS = np.array([0.75, 0.2, 0.05])  # of the first three items in overall satisfaction
RISE = 180  # days before the last day from which the online shop is written about more often
PHRASES = {
    "late delivery": (
        "The delivery came two days late.",
        "Our shipment was delayed again, please deliver on the agreed day.",
        "配送晚了两天。",
        "物流太慢，发货延误，影响我们开工。",
    ),
    "damaged goods": (
        "Two boxes were damaged.",
        "One carton arrived broken.",
        "收到的货有两箱破损。",
        "外箱压坏了，质量有问题。",
    ),
    "wrong item": (
        "We received the wrong item.",
        "The wrong items were in the box.",
        "发错货了，不是我们订的。",
        "收到的是错货，请更换。",
    ),
    "price query": (
        "The price differs from the offer.",
        "Why is it more expensive than last month?",
        "价格和报价不一致。",
        "为什么涨价了？",
    ),
    "invoice query": (
        "The invoice shows another address.",
        "Please send the invoice for March again.",
        "发票抬头写错了。",
        "请尽快开票。",
    ),
    "product advice": (
        "Which model fits our machine?",
        "Is there a manual for this part?",
        "哪个型号适合我们的机器？",
        "请发一份说明书。",
    ),
    "online shop": (
        "I cannot log in to the web shop.",
        "The app closes at checkout.",
        "网站登录不了。",
        "应用总是闪退，下不了单。",
    ),
    "staff": (
        "The staff on the hotline were friendly.",
        "Nobody called back, the staff were rude.",
        "客服态度很好。",
        "客服一直没有回复。",
    ),
    "packaging": (
        "Far too much plastic wrapping, think of the waste.",
        "Less plastic wrapping and less waste would be good.",
        "塑料包装太多，不环保。",
        "希望减少塑料包装，更环保。",
    ),
    "nothing special": (
        "All good, thanks.",
        "Keep it up.",
        "一切都好，谢谢。",
        "还可以，没什么问题。",
    ),
}
COMMENTS = (
    "late delivery",
    "damaged goods",
    "price query",
    "staff",
    "online shop",
    "packaging",
    "nothing special",
)
COMMENT_SHARES = np.array([0.2, 0.1, 0.15, 0.15, 0.0, 0.15, 0.25])


@dataclass(frozen=True)
class Planted:
    """What is planted in what customers say.

    Attributes
    ----------
    slow_mark
        By how much each doubling of the hours to resolution beyond a day lowers the mark for it.
    driver
        How much of overall satisfaction the items bring, 0 to 1; the rest is chance.
    shop_before, shop_now
        The share of survey comments about the online shop, before and within the last `RISE` days.
    """

    slow_mark: float = 0.5
    driver: float = 0.85
    shop_before: float = 0.04
    shop_now: float = 0.3


SILENT = Planted(slow_mark=0.0, driver=0.0, shop_before=0.2, shop_now=0.2)


def draw_tickets(
    rng: np.random.Generator, people: pd.DataFrame, last: pd.Timestamp, planted: Planted = Planted()
) -> pd.DataFrame:
    """The `tickets` table. Of those who left, 35 % complained in the two weeks before: a planted reason."""
    who, time = draw_moments(rng, people[people["purchases"] > 0], 0.0007, 0.1)
    who = np.flatnonzero(people["purchases"] > 0)[who]
    gone = people["dropped_out"].notna().to_numpy() & (rng.random(len(people)) < 0.35)
    before = people["dropped_out"] - pd.to_timedelta(rng.integers(60, 14 * 1440, len(people)), unit="min")
    angry = np.concatenate([np.zeros(len(who), bool), np.ones(gone.sum(), bool)])
    who = np.concatenate([who, np.flatnonzero(gone)])
    opened = pd.Series([*time, *before[gone]], dtype="datetime64[ns]").reset_index(drop=True)
    opened = opened.clip(lower=people["first_day"].to_numpy()[who] + DAY / 2)
    complaint = angry | (rng.random(len(who)) < 0.3)
    cause = np.where(complaint, rng.integers(0, 4, len(who)), rng.integers(3, 6, len(who)))
    responded = opened + pd.to_timedelta(np.round(rng.gamma(1.5, 240 * (1 + angry))) + 5, unit="min")
    resolved = responded + pd.to_timedelta(np.round(rng.gamma(1.2, 1500 * (1 + 2 * angry))) + 10, unit="min")
    resolved = resolved.where((resolved < last + DAY) & (rng.random(len(who)) < 0.97))
    slow = np.log2(np.clip((resolved - opened) / pd.Timedelta(hours=24), 1, None)).fillna(0)
    happy = rng.normal(np.where(angry, 1.8, np.where(complaint, 3.0, 4.3)), 0.8) - planted.slow_mark * slow
    asked = rng.random(len(who)) < 0.6
    marks = pd.Series(np.clip(np.round(happy), 1, 5))
    return pd.DataFrame(
        {
            "customer_id": people["customer_id"].to_numpy()[who],
            "opened": opened,
            "kind": np.where(complaint, "complaint", "request"),
            "cause": np.array(CAUSES)[cause],
            "responded": responded.where(responded < last + DAY),
            "resolved": resolved,
            "satisfaction": marks.where(resolved.notna() & asked).astype("Int64"),
        }
    )[opened.to_numpy() < last + DAY]


def assign_teams(rng: np.random.Generator, tickets: pd.DataFrame) -> dict[str, np.ndarray]:
    """The `channel` that each ticket came by and the `team` that handled it: D3 the slow ones, more often."""
    hours = (tickets["resolved"] - tickets["opened"]) / pd.Timedelta(hours=1)
    slow = (hours.isna() | (hours > SLOW_HOURS)).to_numpy()
    last = np.where(slow, *SLOW_TEAM)
    draw = rng.random(len(tickets))
    team = np.where(draw < last, TEAMS[2], np.where(draw < (1 + last) / 2, TEAMS[0], TEAMS[1]))
    return {"channel": rng.choice(CHANNELS, len(tickets), p=(0.4, 0.35, 0.2, 0.05)), "team": team}


def write_tickets(rng: np.random.Generator, tickets: pd.DataFrame) -> pd.Series:
    """A text for each ticket, about its cause, in Chinese or English."""
    return _write(rng, tickets["cause"].to_numpy()).set_axis(tickets.index)


def draw_surveys(
    rng: np.random.Generator, people: pd.DataFrame, last: pd.Timestamp, planted: Planted = Planted()
) -> pd.DataFrame:
    """The `surveys` table: at a moment NPS alone, or a questionnaire of csat, CES and items, or csat alone.

    Those who will leave answer lower. In a questionnaire overall satisfaction follows the items.
    """
    who, time = draw_moments(rng, people[people["purchases"] > 0], 0.0009, 0.25)
    who = np.flatnonzero(people["purchases"] > 0)[who]
    kind = rng.choice(["nps", "questionnaire", "csat"], len(who), p=[0.5, 0.28, 0.22])
    low = people["dropped_out"].notna().to_numpy()[who]
    mood = rng.beta(np.where(low, 4.0, 7.0), np.where(low, 2.5, 2.0))
    mode = np.array(["online", "phone", "face to face"])[rng.choice(3, len(who), p=[0.7, 0.2, 0.1])]
    asked = pd.DataFrame({"who": who, "time": time, "kind": kind, "mood": mood, "mode": mode})
    comment = _comment(rng, asked, last, planted)
    parts = [_answer(asked[kind == "nps"], "nps", 10 * mood[kind == "nps"]).assign(text=comment)]
    parts += [_answer(asked[kind == "csat"], "csat", 5 * mood[kind == "csat"]).assign(text=comment)]
    parts += _fill_in(rng, asked[kind == "questionnaire"], planted, comment)
    answers = pd.concat(parts, ignore_index=True)
    answers["customer_id"] = people["customer_id"].to_numpy()[answers.pop("who")]
    return answers


def _fill_in(
    rng: np.random.Generator, asked: pd.DataFrame, planted: Planted, comment: pd.Series
) -> list[pd.DataFrame]:
    """A questionnaire: items of 1 to 5 around the customer's mood, csat out of the first three, CES."""
    noise = rng.normal(0, 1.0, (len(asked), len(ITEMS)))
    items = np.clip(np.round(5 * asked["mood"].to_numpy()[:, None] + noise), 1, 5)
    items[:, 0] = np.clip(items[:, 0] - (rng.random(len(asked)) < 0.3), 1, 5)  # the item with the largest gap
    items[:, 3] = np.clip(np.round(items[:, 4] + rng.normal(0.4, 0.8, len(asked))), 1, 5)
    overall = planted.driver * items[:, :3] @ ITEM_WEIGHTS + (1 - planted.driver) * 5 * rng.beta(
        5, 2, len(asked)
    )
    effort = 7 * np.clip(asked["mood"] + rng.normal(0, 0.1, len(asked)), 0, 1)
    parts = [_answer(asked, "csat", overall + rng.normal(0, 0.4, len(asked))).assign(text=comment)]
    parts += [_answer(asked, "ces", effort)]
    return parts + [_answer(asked, "item", items[:, n]).assign(item=name) for n, name in enumerate(ITEMS)]


def _answer(asked: pd.DataFrame, instrument: str, score) -> pd.DataFrame:
    low, high = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7), "item": (1, 5)}[instrument]
    whole = np.clip(np.round(score), low, high).astype(int)
    return asked[["who", "time", "mode"]].assign(instrument=instrument, score=whole)


def _comment(
    rng: np.random.Generator, asked: pd.DataFrame, last: pd.Timestamp, planted: Planted
) -> pd.Series:
    """What four in ten write beside their answer; the online shop more often of late."""
    recent = asked["time"].to_numpy() > last - RISE * DAY
    subject = rng.choice(COMMENTS, len(asked), p=COMMENT_SHARES)
    shop = rng.random(len(asked)) < np.where(recent, planted.shop_now, planted.shop_before)
    text = _write(rng, np.where(shop, "online shop", subject))
    return text.where(rng.random(len(asked)) < 0.4)


def _write(rng: np.random.Generator, subjects: np.ndarray) -> pd.Series:
    """A phrase about each subject, six in ten in Chinese."""
    chinese, second = rng.random(len(subjects)) < 0.6, rng.random(len(subjects)) < 0.5
    phrases = [
        PHRASES[subject][2 * zh + more] for subject, zh, more in zip(subjects, chinese, second, strict=True)
    ]
    return pd.Series(phrases, dtype="str")
