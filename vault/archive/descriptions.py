"""What a package says of itself to a catalogue: Dublin Core, and the retention that is known."""

from __future__ import annotations

from vault.archive.canonical import canonical
from vault.archive.elements import add, new_root, written
from vault.archive.package import Package, written_time

NAMESPACE = "http://dublincore.org/documents/dcmi-terms/"
DC = "http://purl.org/dc/elements/1.1/"


def dublin_core(package: Package) -> bytes:
    """Case number, organisation, dates of the files, class; no name and no title of a file."""
    first, last = (
        written_time(pick(file.deposited_at for file in package.files))[:10] for pick in (min, max)
    )
    values = (
        ("identifier", package.name),
        ("identifier", package.case_number),
        ("title", f"Case file {package.case_number}"),
        ("publisher", package.organisation),
        ("date", f"{first}/{last}"),
        ("type", "Collection"),
        ("format", "Files encrypted with age v1"),
        ("rights", f"Not open to the public. Disposal class: {package.disposal.value}"),
    )
    root = new_root(NAMESPACE, "metadata", {None: NAMESPACE, "dc": DC})
    for name, value in values:
        add(root, f"{{{DC}}}{name}", text=value)
    return written(root)


def retention(package: Package) -> bytes:
    """The disposal class and what starts its period. The schedule that it cites is empty until one is recorded."""
    return canonical(
        {
            "authority": None,
            "citation": None,
            "class": package.disposal.value,
            "class_version": None,
            "due_on": None,
            "format": "casevault-retention/1",
            "trigger": "case closed",
            "triggered_on": package.closed_on.isoformat(),
        }
    )
