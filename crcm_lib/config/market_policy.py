"""What people judge of markets that the company's own data cannot show: dated, signed, with a reason."""

from typing import Annotated

from pydantic import Field

from crcm_lib.config.governance_policy import Dated
from crcm_lib.config.yaml_loader import SettingsFile
from crcm_lib.i18n import _

Named = Annotated[str, Field(min_length=1, max_length=80, pattern=r"\S")]
Points = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
OF = ("industry", "size", "region")  # what a market may be


class Market(Dated):
    """The outlook of an industry, a size or a region (行业发展前景), and how hard others compete there.

    Both from 0 to 100: 50 is as the whole market; `competition` may be left out. `source` and `day` say who
    judged it and when, `because` why, `because_zh` the same in Chinese.
    """

    industry: Named | None = None
    size: Named | None = None
    region: Named | None = None
    outlook: Points
    competition: Points | None = None
    because: Named
    because_zh: str = ""

    @property
    def segment(self) -> tuple[str, str]:
        """The attribute and its level."""
        return next((name, str(getattr(self, name))) for name in OF if getattr(self, name) is not None)


def check_markets(settings: SettingsFile) -> None:
    """Each is of one industry, size or region, none of them twice, and of nothing that is protected."""
    named = settings.get("fairness", "protected")
    protected = {str(name).lower() for name in named} if isinstance(named, list) else set()
    seen: dict[tuple[str, str], int] = {}
    for at, row in settings.rows("markets"):
        given = [(name, str(row[name])) for name in OF if row.get(name) is not None]
        if len(given) != 1:
            settings.note(at, _("name one of industry, size, region"))
            continue
        (market,) = given
        if market in seen:
            settings.note(at, _("{level!r} is judged on line {line}"), level=market[1], line=seen[market])
        seen.setdefault(market, settings.line(at))
        if market[0] in protected:
            problem = _("{attribute!r} is named by `fairness.protected`")
            settings.note((*at, market[0]), problem, attribute=market[0])
