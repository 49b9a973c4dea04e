"""Packages shown to programs and schemas of others: no error, no warning."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from lxml import etree

from tests.archive.conftest import HERE
from tests.places import ROOT, SUITES
from vault.archive.package import DisposalClass

SCHEMAS = ROOT / "vault" / "archive" / "schemas"
FLIP = """
import bagit, pathlib, sys
whole = pathlib.Path(sys.argv[1])
bagit.Bag(str(whole)).validate()
for path in sorted(path for path in whole.rglob("*") if path.is_file() and "tagmanifest" not in path.name):
    sound = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(sound[:-9] + bytes([sound[-9] ^ 1]) + sound[-8:])
    try:
        bagit.Bag(str(whole)).validate()
    except bagit.BagError:
        path.write_bytes(sound)
    else:
        sys.exit(str(path))
"""


def test_eark_validator_finds_nothing_wrong_and_what_is_wrong(unpacked, oracles, need, tmp_path):
    """It is no oracle that says yes to everything: a package without its type is refused."""
    need("the E-ARK vocabularies of the suites", (SUITES / "csip").is_dir())
    wrong = tmp_path / "wrong"
    shutil.copytree(unpacked[DisposalClass.PERMANENT] / "data", wrong)
    mets = (wrong / "METS.xml").read_bytes()
    (wrong / "METS.xml").unlink()
    (wrong / "METS.xml").write_bytes(mets.replace(b' csip:OAISPACKAGETYPE="AIP"', b""))
    folders = [*(folder / "data" for folder in unpacked.values()), wrong]
    command = [oracles, HERE / "csip_findings.py", SUITES / "csip", *folders]
    done = subprocess.run(command, check=True, capture_output=True, text=True)

    *sound, refused = json.loads(done.stdout).values()

    assert [report["states"] for report in sound] == [["WELLFORMED", "VALID", "VALID"]] * 3
    findings = [finding for report in sound for finding in report["findings"]]
    assert not [finding for finding in findings if not finding.startswith("INFORMATION ")]
    assert [finding for finding in refused["findings"] if finding.startswith("ERROR CSIP9 ")]


def test_eark_validator_finds_in_a_submission_only_that_its_own_rules_contradict_each_other(
    handed_over, oracles, need, tmp_path
):
    """CSIP11, CSIP15 and CSIP16 want a creator with one note, a `csip:NOTETYPE`; SIP14 wants of each creator's note an
    attribute `NOTETYPE` without a namespace, which the METS schema that the validator carries does not allow there.
    """
    need("the E-ARK vocabularies of the suites", (SUITES / "csip").is_dir())
    note = b"<note csip:NOTETYPE="
    changes = {
        "wrong": (b"https://earksip.", b"https://earkcsip."),
        "as SIP14": (note, b'<note NOTETYPE="IDENTIFICATIONCODE" csip:NOTETYPE='),
        "no note": (b' csip:NOTETYPE="SOFTWARE VERSION"', b""),
    }
    for name, (old, new) in changes.items():
        shutil.copytree(handed_over / "data", tmp_path / name)
        mets = (tmp_path / name / "METS.xml").read_bytes()
        assert old in mets
        (tmp_path / name / "METS.xml").unlink()
        (tmp_path / name / "METS.xml").write_bytes(mets.replace(old, new))
    folders = [handed_over / "data", *(tmp_path / name for name in changes)]
    command = [oracles, HERE / "csip_findings.py", SUITES / "csip", *folders]
    done = subprocess.run(command, check=True, capture_output=True, text=True)

    sound, refused, as_wanted, without = json.loads(done.stdout).values()

    assert sound["states"][:2] == ["WELLFORMED", "VALID"]
    assert told(sound) == ["SIP14"]
    assert "SIP2" in told(refused)
    assert as_wanted["states"][1] == "INVALID"
    assert "CSIP16" in told(without)


def told(report) -> list[str]:
    """The rules that were broken."""
    findings = (finding.split()[:2] for finding in report["findings"])
    return sorted(rule for level, rule in findings if level != "INFORMATION")


@pytest.mark.parametrize("which", [DisposalClass.PERMANENT, DisposalClass.RECORDING, "submission"])
def test_bagit_finds_nothing_wrong_and_a_flipped_bit_in_any_file(
    which, unpacked, handed_over, oracles, tmp_path
):
    shutil.copytree(unpacked.get(which, handed_over), tmp_path / "bag")
    subprocess.run([oracles, "-c", FLIP, tmp_path / "bag"], check=True, capture_output=True)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_coreutils_find_all_sums_right(algorithm, unpacked, handed_over):
    for folder in (*unpacked.values(), handed_over):
        for kind in ("manifest", "tagmanifest"):
            command = [f"{algorithm}sum", "--check", "--strict", "--quiet", f"{kind}-{algorithm}.txt"]
            subprocess.run(command, cwd=folder, check=True)


def test_premis_is_what_its_schema_says(unpacked, handed_over, need):
    suite = SUITES / "premis" / "xsd"
    need("the PREMIS schema of the suites", suite.exists())
    schema = etree.XMLSchema(etree.parse(suite))
    folders = (*unpacked.values(), handed_over)
    found = [path for folder in folders for path in sorted(folder.rglob("premis.xml"))]
    assert len(found) == 8
    for path in found:
        schema.assertValid(etree.parse(path))


def test_mets_is_what_the_schemas_in_the_package_say(unpacked, handed_over):
    schema = etree.XMLSchema(etree.parse(unpacked[DisposalClass.PERMANENT] / "data" / "schemas" / "mets.xsd"))
    for folder in (*unpacked.values(), handed_over):
        for path in sorted(folder.rglob("METS.xml")):
            schema.assertValid(etree.parse(path))


def test_the_schemas_are_those_that_were_published(need):
    """METS reads its XLink from the file beside it; that is the one change."""
    need("the schemas of the suites", (SUITES / "csip").is_dir() and (SUITES / "premis").is_dir())
    elsewhere, beside = "http://www.loc.gov/standards/xlink/xlink.xsd", "xlink.xsd"
    assert _text(SCHEMAS / "mets.xsd") == _text(SUITES / "csip" / "mets.xsd").replace(elsewhere, beside)
    assert _text(SCHEMAS / "premis.xsd") == _text(SUITES / "premis" / "xsd")
    extension = "DILCISExtensionMETS.xsd"
    assert _text(SCHEMAS / extension) == _text(SUITES / "csip" / extension)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
