"""Every picture and table that a notebook shows, by the room whose numbers it tells."""

from crcm_lib.reporting.figures.style import table as table
from crcm_lib.reporting.figures.style import takeaway as takeaway
