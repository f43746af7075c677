"""What to offer a customer next, graded on what was bought later beside the most popular items."""

from crcm_lib.models.recommendation.past_offers import PastOffers as PastOffers
from crcm_lib.models.recommendation.past_offers import judge_offers as judge_offers
from crcm_lib.models.recommendation.past_offers import offer as offer
from crcm_lib.models.recommendation.upgrades import PastUpgrades as PastUpgrades
from crcm_lib.models.recommendation.upgrades import judge_upgrades as judge_upgrades
from crcm_lib.models.recommendation.upgrades import offer_upgrades as offer_upgrades
