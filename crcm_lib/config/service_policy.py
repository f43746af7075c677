"""What the policy says of service: what is promised to whom, and what customers write about."""

from datetime import date
from typing import Annotated

from pydantic import Field

from crcm_lib.config.bands import Strict

Hours = Annotated[float, Field(gt=0, le=8_760, allow_inf_nan=False)]
Target = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Named = Annotated[str, Field(min_length=1, max_length=80, pattern=r"\S")]
Mark = Annotated[float, Field(ge=1, le=5, allow_inf_nan=False)]


class ServiceLevel(Strict):
    """What customers of a tier are promised (服务等级); what is null is promised nothing.

    Hours by the clock from opening a ticket to the first response and to its resolution, which the share
    `reached` of tickets must keep; `satisfaction_floor` (满意度底线) is the mean csat, 1 to 5, that the tier
    must not fall below.
    """

    first_response_hours: Hours | None = None
    resolution_hours: Hours | None = None
    reached: Target = 0.9
    satisfaction_floor: Mark | None = None


class Topic(Strict):
    """What a text of a customer can be about (反馈主题), told by keywords, in any language.

    A keyword of Latin letters is a whole word or phrase, `*` at its end standing for any ending; a Chinese
    one is found anywhere in the text. Where two overlap the longer one counts.
    """

    name: Named
    zh: str = ""
    words: Annotated[tuple[Named, ...], Field(min_length=1)]


class Survey(Strict):
    """How satisfaction is asked for and read (满意度调查).

    `item_scale` are the lowest and highest answer to an item, `item_target` the mean that each should reach.
    Within `quiet_days` nobody is invited twice, and nobody who has answered. As many of each tier are invited
    as give mean csat to within `margin` points (half of the 95 % interval), if the share `response` answers:
    an assumption until invitations are recorded. `attitudes` are the items that ask what somebody is like or
    wants (心理细分), not how something was done: by them 18 sorts customers.
    """

    item_scale: tuple[float, float] = (1.0, 5.0)
    item_target: float = 4.5
    quiet_days: Annotated[int, Field(ge=30, le=3_650)] = 180
    margin: Annotated[float, Field(gt=0, le=2, allow_inf_nan=False)] = 0.4
    response: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.3
    attitudes: tuple[Named, ...] = ()


class Improvement(Strict):
    """A measure of improvement (改进措施): its name, the topic that it is about, and the day it began.

    The `owner_role` answers for it, and says on `review_by` whether it goes on.
    """

    name: Named
    topic: Named
    day: date
    owner_role: Named
    review_by: date | None = None
