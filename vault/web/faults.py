"""From pydantic's findings to sentences for people, each with the JSON pointer (RFC 6901) of its field."""

from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from vault.errors import Fault
from vault.web.locale import gettext, message

MISSING = message("This is needed.")
CHOICE = message("Choose one of the list.")
DATE, TIME = message("Give a date, as in 2026-11-22."), message("Give a date and a time.")
WHOLE, NUMBER = message("Give a whole number."), message("Give a number.")
SENTENCES = {
    "missing": MISSING,
    "extra_forbidden": message("This field is not known here."),
    "string_type": message("Give text."),
    "string_too_short": message("Give at least %(min_length)s characters."),
    "string_too_long": message("Give at most %(max_length)s characters."),
    "string_pattern_mismatch": message("This does not have the expected form."),
    "too_short": message("Give at least %(min_length)s."),
    "too_long": message("Give at most %(max_length)s."),
    "literal_error": CHOICE,
    "enum": CHOICE,
    "bool_parsing": message("Answer yes or no."),
    "bool_type": message("Answer yes or no."),
    "int_parsing": WHOLE,
    "int_type": WHOLE,
    "int_from_float": WHOLE,
    "float_parsing": NUMBER,
    "float_type": NUMBER,
    "greater_than": message("Give more than %(gt)s."),
    "greater_than_equal": message("Give %(ge)s or more."),
    "less_than": message("Give less than %(lt)s."),
    "less_than_equal": message("Give %(le)s or less."),
    "uuid_parsing": message("This is not an id."),
    "uuid_type": message("This is not an id."),
    "date_from_datetime_parsing": DATE,
    "date_parsing": DATE,
    "date_type": DATE,
    "datetime_parsing": TIME,
    "datetime_from_date_parsing": TIME,
    "datetime_type": TIME,
    "timezone_aware": message("Give the time zone too, as in 2026-11-22T14:05Z."),
    "list_type": message("Give a list."),
}
OTHER = message("This is not understood.")


def faults_of(error: ValidationError) -> list[Fault]:
    """One fault for each finding; what was typed is never quoted."""
    found = error.errors(include_url=False)
    return [Fault(pointer_to(finding["loc"]), _sentence(finding)) for finding in found]


def pointer_to(location: tuple[int | str, ...]) -> str:
    """RFC 6901: `/documents/0`; the empty pointer is the whole."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def _sentence(finding: ErrorDetails) -> str:
    """Our own validators speak for themselves; None in place of a value is an input that was left empty."""
    kind, context = finding["type"], finding.get("ctx", {})
    if finding["input"] is None and kind.endswith("_type"):
        return gettext(MISSING)
    if kind == "value_error":
        return gettext(str(context["error"]))
    values: dict[str, Any] = dict(context)
    return gettext(SENTENCES.get(kind, OTHER)) % values
