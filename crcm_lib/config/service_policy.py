"""What the policy promises of service: how soon, how satisfied, by tier of the customer."""

from typing import Annotated

from pydantic import Field

from crcm_lib.config.bands import Strict

Hours = Annotated[float, Field(gt=0, le=8_760, allow_inf_nan=False)]
Target = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
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
