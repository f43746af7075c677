"""Half-open intervals, shared by everything that sorts customers by a number."""

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """A frozen settings model that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Band(Strict):
    """[at_least, below): half-open, so that neighbouring bands can neither overlap nor leave a gap."""

    at_least: float = float("-inf")
    below: float = float("inf")

    def holds(self, values: pd.Series) -> pd.Series:
        """For each value: is it in the band? A missing value is in none."""
        return values.ge(self.at_least) & values.lt(self.below)


class Segment(Strict):
    """A name for the customers whose scores lie in all the bands of `when`."""

    name: str
    zh: str = ""
    when: dict[str, Band] = Field(default_factory=dict)
    because: str


def any_holds(bands: dict[str, Band], frame: pd.DataFrame) -> pd.Series:
    """For each row: does at least one of the bands hold? No bands hold for nobody."""
    someone = pd.Series(False, index=frame.index)
    for column, band in bands.items():
        someone |= band.holds(frame[column])
    return someone


def all_hold(bands: dict[str, Band], frame: pd.DataFrame) -> pd.Series:
    """For each row: do all bands hold? No bands hold for everyone."""
    everyone = pd.Series(True, index=frame.index)
    for column, band in bands.items():
        everyone &= band.holds(frame[column])
    return everyone
