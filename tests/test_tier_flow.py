"""The flow of customers between tiers, as a picture whose widths are true."""

import re

import pandas as pd
import pytest

from crcm_lib.reporting.tier_flow import GAP, HEIGHT, draw_flow

TIERS = ["key", "regular", "watch"]


def moves(*pairs):
    rows = [(before, now) for before, now, count in pairs for _n in range(count)]
    return pd.DataFrame(rows, columns=["tier_before", "tier_now"])


def test_who_stayed_rose_and_fell_is_said():
    flow = draw_flow(
        moves(("key", "key", 4), ("regular", "key", 1), ("key", "watch", 2), ("watch", "watch", 3)), TIERS
    )
    assert flow.words == "Of 10 customers 7 are in the same tier, 1 in a better and 2 in a worse one."
    assert [band.words for band in flow.bands if band.moved] == [
        "2 from key to watch",
        "1 from regular to key",
    ]


def test_heights_are_in_proportion_and_fill_the_picture():
    flow = draw_flow(moves(("key", "key", 10), ("regular", "watch", 30)), TIERS)
    left = [node for node in flow.nodes if node.anchor == "end"]
    assert [node.label for node in left] == ["key 10", "regular 30"]
    assert left[1].height == pytest.approx(3 * left[0].height)
    assert sum(node.height for node in left) == pytest.approx(HEIGHT - 2 * GAP)
    for band, count in zip(flow.bands, (10, 30), strict=True):
        first, *_rest, last = (float(y) for y in re.findall(r"V?([\d.]+)(?=[CVZ])", band.path))
        assert count * (HEIGHT - 2 * GAP) / 40 == pytest.approx(last - first, abs=0.11)


def test_bands_of_a_tier_lie_one_below_the_other():
    flow = draw_flow(moves(("key", "key", 5), ("key", "regular", 5), ("regular", "key", 5)), TIERS)
    starts = [float(re.match(r"M\d+ ([\d.]+)", band.path)[1]) for band in flow.bands]
    assert starts[1] == pytest.approx(starts[0] + flow.nodes[0].height / 2, abs=0.11)


def test_without_anybody_there_is_no_picture():
    assert draw_flow(moves(), TIERS) is None
