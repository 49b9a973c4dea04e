"""`python csip_findings.py VOCABULARIES FOLDER…`: what eark-validator says of unpacked packages, as JSON.

It runs in a venv of its own. eark-validator fetches its vocabularies when it is imported: here it gets those of a folder.
"""

import io
import json
import sys
import urllib.request
from pathlib import Path

VOCABULARIES = Path(sys.argv[1])


def from_the_folder(address: str) -> io.BytesIO:
    return io.BytesIO((VOCABULARIES / address.rpartition("/")[2]).read_bytes())


urllib.request.urlopen = from_the_folder  # type: ignore[assignment]

from eark_validator.packages import PackageValidator  # type: ignore[import-not-found] # noqa: E402

found = {}
for folder in sys.argv[2:]:
    report = PackageValidator(Path(folder)).validation_report
    metadata = report.metadata
    parts = [report.structure, *((metadata.schema_results, metadata.schematron_results) if metadata else ())]
    messages = [message for part in parts for message in part.messages]
    found[folder] = {
        "states": [part.status.name for part in parts],
        "findings": [f"{m.severity.name} {m.rule_id} {m.location}: {m.message}" for m in messages],
    }
print(json.dumps(found))
