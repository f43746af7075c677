"""Topics of texts in which no keyword was found: which words customers use together, beyond chance.

A word or a topic is only shown if enough customers used it; no text is ever quoted.
"""

import re
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.models.satisfaction.topics import normalise

MOST = 5  # topics
SAMPLE = 400  # customers at most whose words are read
SHUFFLES = 39  # so that exceeding all of them has a chance of 1 in 40
TRADES = 5  # per customer and shuffle
SHOWN = 6  # words of a topic
CONTAINED = 0.8  # of a bigram's customers used another one that shares a character with it
TOGETHER = 3.0  # standard errors by which two words of a topic must go together
COMMON = 0.6  # a word that more of the customers used tells no topic
IDENTIFYING = re.compile(r"\S*[@/\\<>=]\S*|\S*\d\S*")  # addresses, markup, numbers of anything
LATIN, CHINESE = re.compile(r"[a-zà-ÿ]{3,}"), re.compile(r"[\u4e00-\u9fff]{2,}")
EMPTY = set("的了是我你他她它们这那有和也都就很在不没吗呢吧啊请能可要会个一上下为对与及或但还又被把让给")


@dataclass(frozen=True)
class FurtherTopics:
    """What is said together in texts without a keyword.

    Attributes
    ----------
    topics
        `words` (the most telling first, joined by commas), `customers` whose texts are most about it; empty
        where no words are used together beyond chance.
    customers
        How many customers wrote texts without a keyword.
    """

    topics: pd.DataFrame
    customers: int


def find_further_topics(texts: pd.DataFrame, *, at_least: int = 5, seed: int = 0) -> FurtherTopics:
    """Topics by non-negative matrix factorisation (Lee & Seung 1999, Nature 401, 788-791) of who used what.

    English words without the usual stop words, and Chinese bigrams without halves of two words; each language
    apart. As many topics as singular
    values that exceed those of every one of `SHUFFLES` tables in which each customer used as many words and
    each word as many customers as in truth, but else at random (parallel
    analysis, Horn 1965, Psychometrika 30, 179-185; tables by curveball trades, Strona et al. 2014, Nature
    Communications 5, 4114).

    Parameters
    ----------
    texts
        `customer_id` and `text`, without a keyword.
    at_least
        A word of fewer customers is not read, a topic of fewer is not shown.
    seed
        Of the shuffles.
    """
    chinese = texts["text"].astype(str).str.contains(CHINESE)
    rng = np.random.default_rng(seed)
    topics: list[tuple[str, int]] = []
    for part in (texts[chinese], texts[~chinese]):
        spoken = part.groupby("customer_id")["text"].agg(lambda each: " \n ".join(map(str, each)))
        if len(spoken) > SAMPLE:
            spoken = spoken.iloc[np.sort(rng.choice(len(spoken), SAMPLE, replace=False))]
        used = tabulate_words([list_words(text) for text in spoken], at_least=at_least)
        if count := count_beyond_chance(used.to_numpy(), rng):
            topics += _factorise(used, count, at_least)
    frame = pd.DataFrame(topics, columns=["words", "customers"])
    return FurtherTopics(frame, texts["customer_id"].nunique())


def list_words(text: str) -> dict[str, set[str]]:
    """The words and Chinese bigrams of a text without what could identify somebody, and what stands beside.

    For a bigram the characters before and after it ("" at the end of a run), as "<x" and ">x".

    >>> sorted(list_words("Too much plastic, write to a@b.org 13800138000"))
    ['plastic', 'write']
    >>> list_words("包装太多")["包装"] == {"<", ">太"}
    True
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    plain = IDENTIFYING.sub(" ", normalise(text))
    words: dict[str, set[str]] = {word: set() for word in set(LATIN.findall(plain)) - ENGLISH_STOP_WORDS}
    for run in CHINESE.findall(plain):
        for part in re.split(f"[{''.join(sorted(EMPTY))}]", run):
            for at in range(len(part) - 1):
                beside = words.setdefault(part[at : at + 2], set())
                beside |= {"<" + part[max(at - 1, 0) : at], ">" + part[at + 2 : at + 3]}
    return words


def tabulate_words(used: list[dict[str, set[str]]], *, at_least: int) -> pd.DataFrame:
    """1 where a customer (row) used a word (column); words of `at_least` customers, no halves of two words.

    Of two bigrams that share a character and mostly occur together, like 塑料 and 料包 of 塑料包装, that with
    fewer neighbours is no word (accessor variety, Feng et al. 2004, Computational Linguistics 30, 75-93).
    Customers who used none of the words are left out.
    """
    everything = sorted(set().union(*used)) if used else []
    table = pd.DataFrame({word: [word in one for one in used] for word in everything}, dtype=bool)
    counts = table.sum()
    table = table.loc[:, (counts >= at_least) & (counts <= COMMON * len(used))]
    variety = {word: len(set().union(*(one.get(word, set()) for one in used))) for word in table}
    rank = {word: (variety[word], counts[word], word) for word in table}
    for word in sorted(table, key=rank.__getitem__):
        rivals = [
            other
            for other in table
            if not word.isascii() and other != word and (word[0] == other[-1] or word[-1] == other[0])
        ]
        together = [(table[word] & table[other]).sum() >= CONTAINED * counts[word] for other in rivals]
        if any(both and rank[other] > rank[word] for other, both in zip(rivals, together, strict=True)):
            table = table.drop(columns=word)
    return table[table.any(axis=1)].astype(float)


def count_beyond_chance(used: np.ndarray, rng: np.random.Generator) -> int:
    """How many leading singular values of a table of 0 and 1 exceed those of all shuffles of it."""
    if min(used.shape) < 3:
        return 0
    observed = _singular_values(used)
    shuffled = np.max([_singular_values(_trade(used, rng)) for _shuffle in range(SHUFFLES)], axis=0)
    beyond = observed > shuffled + 1e-9
    return int(np.argmin(np.append(beyond, False)))


def _singular_values(used: np.ndarray) -> np.ndarray:
    """The largest of the table with each word centred and in units of its standard deviation."""
    spread = used.std(axis=0)
    scaled = (used - used.mean(axis=0)) / np.where(spread > 0, spread, 1)
    values = np.linalg.eigvalsh(
        scaled.T @ scaled if scaled.shape[0] >= scaled.shape[1] else scaled @ scaled.T
    )
    return np.sqrt(np.clip(values[::-1][:MOST], 0, None))


def _trade(used: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The table after pairs of customers have traded words that only one of them used, at random."""
    rows = [set(np.flatnonzero(row)) for row in used]
    pairs = rng.integers(0, len(rows), size=(TRADES * len(rows), 2))
    for one, other in pairs[pairs[:, 0] != pairs[:, 1]]:
        mine, yours = rows[one] - rows[other], rows[other] - rows[one]
        if mine and yours:
            pool = rng.permutation(sorted(mine | yours))
            both = rows[one] & rows[other]
            rows[one], rows[other] = both | set(pool[: len(mine)]), both | set(pool[len(mine) :])
    traded = np.zeros_like(used)
    for number, row in enumerate(rows):
        traded[number, list(row)] = 1
    return traded


def _factorise(used: pd.DataFrame, count: int, at_least: int) -> list[tuple[str, int]]:
    """The words of each topic and how many customers used at least two of them.

    One component more than there are topics takes up what everybody says.
    """
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    scaled = used * (np.log(len(used) / used.sum()) + 1)
    scaled = scaled.div(np.sqrt((scaled**2).sum(axis=1)), axis=0)
    size = min(count + 1, *used.shape)
    with warnings.catch_warnings():  # the words below are chosen by how they go together, not by last digits
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = NMF(n_components=size, init="nndsvd", max_iter=500).fit(scaled.to_numpy())
    parts = model.components_ / np.maximum(model.components_.sum(axis=0), 1e-12)
    # Equal ones are equal on any processor, so that a tie is settled by the words and not by last digits.
    error = (np.corrcoef(used.to_numpy().T) * np.sqrt(len(used))).round(6)
    found = []
    for part, weights in zip(parts, model.components_, strict=True):
        own = [at for at in np.argsort(-weights.round(6), kind="stable")[: 2 * SHOWN] if part[at] >= 0.5]
        words = _keep_together(own, error)
        customers = int((used.to_numpy()[:, words].sum(axis=1) >= 2).sum())
        if words and customers >= at_least:
            found.append((float(error[np.ix_(words, words)].mean()), words, customers))
    strongest = sorted(found, key=lambda topic: -topic[0])[:count]
    topics = [(", ".join(map(str, used.columns[words])), customers) for _error, words, customers in strongest]
    return sorted(topics, key=lambda topic: (-topic[1], topic[0]))


def _keep_together(words: list[int], error: np.ndarray) -> list[int]:
    """The two words that go together most, and each that goes with one of those kept; none where none do."""
    pairs = [(error[one, other], one, other) for n, one in enumerate(words) for other in words[n + 1 :]]
    strongest = max(pairs, default=(0.0, 0, 0))
    if strongest[0] < TOGETHER:
        return []
    kept = [word for word in words if word in strongest[1:]]
    for word in words:
        if word not in kept and len(kept) < SHOWN and max(error[word, kept]) >= TOGETHER:
            kept.append(word)
    return kept
