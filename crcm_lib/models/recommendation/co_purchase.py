"""The next item for a customer: what is bought together with what they have, and the most popular beside it.

Item-based collaborative filtering on implicit feedback: the similarity of two items is the cosine of their
columns of buyers, and a customer's score for an item is the sum of its similarities to what they have bought
(Sarwar, Karypis, Konstan & Riedl 2001, WWW 10, 285-295, sections 3.1.1 and 3.2.1), each divided by the sum of
all similarities of the item bought, so that one that goes with everything counts little (Deshpande & Karypis
2004, ACM TOIS 22, 143-177, section 4.2).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.features.item_purchases import ItemPurchases

TOP = 3  # offered to a customer
NEIGHBOURS = 50  # most similar items that count; Deshpande & Karypis find no gain beyond some tens
BLOCK = 20_000  # customers scored at a time


@dataclass(frozen=True)
class CoPurchases:
    """Learned from who bought what, of items by items.

    Attributes
    ----------
    items
        Their names.
    together
        How many customers bought both; on the diagonal, the item.
    similarity
        Of the row's item to the column's, rows adding up to 1; 0 on the diagonal.
    """

    items: pd.Index
    together: np.ndarray
    similarity: np.ndarray

    @property
    def buyers(self) -> np.ndarray:
        """How many customers bought each item."""
        return self.together.diagonal()


def learn(bought: ItemPurchases) -> CoPurchases:
    """The similarities of items by who bought them."""
    ever = (bought.days > 0).astype(np.float32)
    together = np.asarray((ever.T @ ever).todense(), dtype=float)
    norm = np.sqrt(np.outer(together.diagonal(), together.diagonal()))
    cosine = np.divide(together, norm, out=np.zeros_like(together), where=norm > 0)
    np.fill_diagonal(cosine, 0.0)
    if cosine.shape[0] > NEIGHBOURS:
        least = -np.partition(-cosine, NEIGHBOURS - 1, axis=1)[:, NEIGHBOURS - 1 : NEIGHBOURS]
        cosine = np.where(cosine >= least, cosine, 0.0)
    total = cosine.sum(axis=1, keepdims=True)
    similarity = np.divide(cosine, total, out=np.zeros_like(cosine), where=total > 0)
    return CoPurchases(bought.items, together, similarity)


def recommend(learned: CoPurchases, bought: ItemPurchases, *, by: str = "co_purchase") -> pd.DataFrame:
    """Up to `TOP` items that each customer has not bought, the best first.

    Parameters
    ----------
    learned
        From `learn`, of any customers.
    bought
        What these customers have bought, of the same items.
    by
        `co_purchase`, or `popularity`: the most bought of what they have not; equals by the items' order.

    Returns
    -------
    `customer_id`, `rank` (1…`TOP`), `item`, `because_of` (of what they bought, the item that adds most; the
    same by popularity), `also_bought_share` (of its buyers those who bought the item offered too). No rows
    for who has bought nothing, or everything.
    """
    parts = []
    for start in range(0, len(bought.customers), BLOCK):
        days = bought.days[start : start + BLOCK]
        ever = (days > 0).astype(np.float32).toarray()
        scores = ever @ learned.similarity if by == "co_purchase" else np.tile(learned.buyers, (len(ever), 1))
        scores = np.where(ever > 0, -np.inf, scores)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :TOP]
        rows, ranks = np.nonzero(np.isfinite(np.take_along_axis(scores, order, axis=1)))
        rows, ranks = rows[(kept := ever[rows].sum(axis=1) > 0)], ranks[kept]
        chosen = order[rows, ranks]
        reason = (ever[rows] * learned.similarity[:, chosen].T).argmax(axis=1)
        parts.append(
            pd.DataFrame(
                {
                    "customer_id": bought.customers[start + rows],
                    "rank": ranks + 1,
                    "item": learned.items[chosen],
                    "because_of": learned.items[reason],
                    "also_bought_share": learned.together[reason, chosen] / learned.buyers[reason],
                }
            )
        )
    columns = ["customer_id", "rank", "item", "because_of", "also_bought_share"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
