"""What the policy says of money owed: when somebody calls, and when it counts as lost."""

from typing import Annotated

from pydantic import Field

from crcm_lib.config.bands import Strict


class Receivables(Strict):
    """Credit control (应收账款): whom we call about what they owe, and from when on it counts as lost.

    Who owes `call_from` or more (currency) for more than `call_after_days` after it was due is an occasion
    of `care`, and gets no promotion meanwhile. What is not paid within `lost_after_days` of being seen counts
    as lost in the expectation of bad debt (坏账准备), as what was given up does.
    """

    call_after_days: Annotated[int, Field(ge=0, le=365)] = 30
    call_from: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    lost_after_days: Annotated[int, Field(ge=30, le=730)] = 180
