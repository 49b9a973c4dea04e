"""What documents leave for. An agreement permits some of these; what goes to law enforcement no agreement permits."""

from __future__ import annotations

RESETTLEMENT, LAW_ENFORCEMENT = "resettlement", "law_enforcement"
PURPOSES: dict[str, str] = {
    RESETTLEMENT: "Consideration for resettlement",
    "family_reunification": "Family reunification",
    "medical": "Medical assessment or treatment",
    "reception": "Reception and integration",
    LAW_ENFORCEMENT: "Request of law enforcement",
}
"""By code, in the order in which they are offered."""
AGREEABLE = tuple(code for code in PURPOSES if code != LAW_ENFORCEMENT)
"""Those that an agreement can permit; the others need a controller's exception each time."""
