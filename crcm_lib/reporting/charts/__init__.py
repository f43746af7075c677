"""Every picture and table that a notebook shows, by the room whose numbers it tells."""

from crcm_lib.reporting.charts.style import table as table
from crcm_lib.reporting.charts.style import takeaway as takeaway
