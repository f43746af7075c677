"""What texts are about, by the keywords of the policy: counts, and whether a topic's share changes."""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import pandas as pd

from crcm_lib.config.service_policy import Topic
from crcm_lib.stats import LEVEL, Z_95, holm, student_p

PERIOD = 180  # days: the last so many are compared with as many before
FEWEST = (
    10  # customers who wrote in either period, and who mentioned a topic, below which nothing is compared
)
CHANGES = [
    "topic",
    "customers",
    "share_before",
    "share_now",
    "difference",
    "low",
    "high",
    "p_value",
    "verdict",
]


def normalise(text: str) -> str:
    """The text in one form of its characters, wide ones made narrow, and in lower case.

    >>> normalise("ＡＰＰ 登录")
    'app 登录'
    """
    return unicodedata.normalize("NFKC", text).casefold()


def compile_keywords(topics: Sequence[Topic]) -> tuple[re.Pattern, dict[str, str]]:
    """One pattern of all keywords, the longest first, and the topic that each group of it belongs to.

    A Chinese keyword is found anywhere; one of Latin letters only as a whole word, `*` standing for any
    ending.
    """
    words = [(normalise(word), topic.name) for topic in topics for word in topic.words]
    words.sort(key=lambda pair: (-len(pair[0]), pair[0]))
    parts, names = [], {}
    for number, (word, name) in enumerate(words):
        body = r"\s+".join(re.escape(part).replace(r"\*", r"\w*") for part in word.split())
        latin = word[0].isascii()
        parts.append(f"(?P<k{number}>{rf'(?<![a-z0-9]){body}(?![a-z0-9])' if latin else body})")
        names[f"k{number}"] = name
    return re.compile("|".join(parts) or r"(?!)"), names


def find_topics(texts: pd.DataFrame, topics: Sequence[Topic]) -> pd.DataFrame:
    """The topics that each text mentions; where keywords overlap the longest counts.

    Negations are not read: "no delay" is about delivery too. A topic is what a text is about, no praise or
    blame.

    Parameters
    ----------
    texts
        From `features.feedback_texts.list_texts`.
    topics
        The policy's.

    Returns
    -------
    `customer_id`, `time`, `source`, `topic`: a row per text and topic, one with a missing topic for a text
    that mentions none. The index is that of `texts`; the text itself is left out.
    """
    pattern, names = compile_keywords(topics)
    found = [
        sorted({names[str(match.lastgroup)] for match in pattern.finditer(normalise(text))}) or [None]
        for text in texts["text"].astype(str)
    ]
    tagged = texts[["customer_id", "time", "source"]].assign(topic=pd.Series(found, texts.index, "object"))
    return tagged.explode("topic")


def count_topics(mentions: pd.DataFrame) -> pd.DataFrame:
    """Texts by topic, most frequent first, those of no topic last: topic, texts, customers, share of texts.

    A text may mention several, so shares may add up to more than one.
    """
    by_topic = mentions.groupby("topic", dropna=False)
    counts = by_topic.agg(texts=("customer_id", "size"), customers=("customer_id", "nunique")).reset_index()
    counts["share"] = counts["texts"] / max(mentions.index.nunique(), 1)
    counts = counts.assign(none=counts["topic"].isna())
    counts = counts.sort_values(["none", "texts", "topic"], ascending=[True, False, True])
    return counts.drop(columns="none").reset_index(drop=True)


def share_by_quarter(mentions: pd.DataFrame, *, as_of) -> pd.DataFrame:
    """The share of texts that mention a topic, by quarter that is over: quarter (its start), topic, customers
    who mentioned it, share. Topics that somebody mentioned, in all quarters in which somebody wrote.
    """
    running = (pd.Timestamp(as_of) + pd.Timedelta(days=1)).to_period("Q").start_time
    past = mentions[mentions["time"] < running]
    if past["topic"].isna().all():
        return pd.DataFrame(columns=["quarter", "topic", "customers", "share"])
    quarter = past["time"].dt.to_period("Q").dt.start_time.rename("quarter")
    texts = past.groupby(quarter).apply(lambda part: part.index.nunique())
    named = past["topic"].notna()
    who = past[named].groupby([quarter[named], "topic"])["customer_id"].agg(["nunique", "size"])
    every = pd.MultiIndex.from_product([texts.index, sorted(past["topic"].dropna().unique())])
    who = who.reindex(every, fill_value=0).rename_axis(["quarter", "topic"]).reset_index()
    share = who["size"] / who["quarter"].map(texts)
    return who.assign(share=share, customers=who["nunique"])[["quarter", "topic", "customers", "share"]]


def compare_periods(mentions: pd.DataFrame, *, as_of) -> pd.DataFrame:
    """Whether a topic's share of texts changed from the `PERIOD` days before the last `PERIOD` days to these.

    Customers are the unit: the difference of the two shares has the sandwich variance with a cluster for each
    customer, who may have written in both (Liang & Zeger 1986, Biometrika 73, 13-22), and Student's t.

    Returns
    -------
    One row per topic that at least `FEWEST` customers mentioned, in the order of the difference: `customers`,
    `share_before`, `share_now`, `difference` with its 95 % interval, p (adjusted over the topics, Holm) and
    `verdict`: rises, falls, cannot_tell. No rows where fewer customers than that wrote in one of the periods.
    """
    end = pd.Timestamp(as_of).normalize() + pd.Timedelta(days=1)
    age = ((end - mentions["time"]) / pd.Timedelta(days=PERIOD)).to_numpy("float64")
    recent = mentions.assign(now=age <= 1)[(age > 0) & (age <= 2)]
    texts = recent[~recent.index.duplicated()]
    wrote = texts.groupby("now")["customer_id"].nunique()
    if wrote.reindex([False, True], fill_value=0).min() < FEWEST:
        return pd.DataFrame(columns=CHANGES)
    rows = []
    for topic, part in recent.dropna(subset="topic").groupby("topic"):
        if part["customer_id"].nunique() >= FEWEST:
            said = texts.index.isin(part.index).astype(float)
            rows.append(
                {"topic": topic, "customers": part["customer_id"].nunique(), **compare_days(texts, said)}
            )
    if not rows:
        return pd.DataFrame(columns=CHANGES)
    found = pd.DataFrame(rows)
    found["p_value"] = holm(found["p_value"].to_numpy(float))
    sure = found["p_value"] < LEVEL
    ways = [sure & (found["difference"] > 0), sure]
    found["verdict"] = np.select(ways, ["rises", "falls"], "cannot_tell")
    return found.sort_values(["difference", "topic"], ascending=[False, True], ignore_index=True)[CHANGES]


def compare_days(texts: pd.DataFrame, said: np.ndarray) -> dict[str, float]:
    """The shares of texts that said it, of `now` and before, with interval and p; customers are the unit."""
    now = texts["now"].to_numpy(bool)
    before_share, now_share = float(said[~now].mean()), float(said[now].mean())
    part = np.where(now, (said - now_share) / now.sum(), -(said - before_share) / (~now).sum())
    sums = np.bincount(pd.factorize(texts["customer_id"])[0], weights=part)
    error = float(np.sqrt(len(sums) / (len(sums) - 1) * (sums**2).sum()))
    difference = now_share - before_share
    return {
        "share_before": before_share,
        "share_now": now_share,
        "difference": difference,
        "low": max(-1.0, difference - Z_95 * error),
        "high": min(1.0, difference + Z_95 * error),
        "p_value": student_p(difference, error, len(sums) - 1),
    }


def list_before(mentions: pd.DataFrame, *, as_of, days: int) -> pd.DataFrame:
    """Who mentioned which topic in the `days` before the last `days`: customer_id, subject, each once.

    For `complaints.compare_leaving`, whose buyers are followed in the last `days`.
    """
    end = pd.Timestamp(as_of).normalize() + pd.Timedelta(days=1) - pd.Timedelta(days=days)
    start = end - pd.Timedelta(days=days)
    then = mentions[(mentions["time"] >= start) & (mentions["time"] < end)]
    named = then[["customer_id", "topic"]].rename(columns={"topic": "subject"})
    return named.drop_duplicates().sort_values(["customer_id", "subject"], ignore_index=True)


def summarise_topics(mentions: pd.DataFrame) -> pd.DataFrame:
    """The table `feedback_topics`: how often each customer wrote about a topic, and when last; no words."""
    named = mentions.dropna(subset="topic").groupby(["customer_id", "topic"])["time"].agg(["size", "max"])
    table = named.reset_index().set_axis(["customer_id", "topic", "texts", "last"], axis=1)
    return table.astype({"customer_id": "str", "topic": "str", "texts": "int64", "last": "datetime64[us]"})
