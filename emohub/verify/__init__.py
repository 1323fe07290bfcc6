"""Hold a published model against its own card: download it, measure it again, and say what of the card holds."""

from emohub.verify.claims import Claim
from emohub.verify.verification import CheckedClaim, Outcome, Verification, verify

__all__ = ["CheckedClaim", "Claim", "Outcome", "Verification", "verify"]
