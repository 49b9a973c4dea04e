"""What is accepted and what is refused, by each libmagic that the product may meet."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.inspection.samples import accepted, refused
from vault.errors import Invalid, WrongType
from vault.inspection.formats import BY_ENDING, FORMATS
from vault.inspection.inspector import code_of, inspect_head
from vault.inspection.keeper import ROOT, Keeper

LIBRARIES = ("", "wheel")


@pytest.fixture(scope="module", params=LIBRARIES, ids=["system", "wheel"])
def keeper(request):
    keeper = Keeper(request.param)
    yield keeper
    keeper.close()


@pytest.mark.parametrize("name", accepted())
def test_a_file_that_is_what_its_name_says_is_accepted(keeper, name):
    content, media_type = accepted()[name]
    media = inspect_head(content, name, keeper=keeper)
    assert media.name == media_type
    assert media.kind == ("recording" if media_type.startswith(("audio/", "video/")) else "document")


@pytest.mark.parametrize("name", refused())
def test_a_file_that_is_not_is_refused_with_a_sentence_that_says_why(keeper, name):
    content, words = refused()[name]
    with pytest.raises(WrongType) as refusal:
        inspect_head(content, name, keeper=keeper)
    assert words in refusal.value.message
    assert " was not stored: " in refusal.value.message


def test_every_accepted_format_has_a_sample():
    seen = {name.rpartition(".")[2].lower() for name in accepted()}
    assert {form.media.extension for form in FORMATS} <= seen


def test_the_corpus_holds_at_least_forty_files_of_each_sort():
    assert len(accepted()) >= 40
    assert len(refused()) >= 40


def test_every_accepted_content_is_refused_under_every_other_name(keeper):
    related = [{"mp4", "m4a"}, {"ogg", "oga", "opus"}, {"tif", "tiff"}, {"jpg", "jpeg"}, {"heic", "heif"}]
    for name, (content, _) in accepted().items():
        own = name.rpartition(".")[2].lower()
        near = {own}.union(*(group for group in related if own in group))
        code = code_of(content, keeper)
        for ending in {form.media.extension for form in FORMATS} - near:
            assert code not in BY_ENDING[ending].contents


def test_an_empty_file_is_said_to_be_empty():
    with pytest.raises(Invalid, match=r"^form\.pdf was not stored: it is empty\.$"):
        inspect_head(b"", "form.pdf")


def test_the_sentence_is_the_one_people_were_promised():
    with pytest.raises(
        WrongType, match=r"^form\.pdf was not stored: it is not a PDF although its name says so\.$"
    ):
        inspect_head(b"nothing of the sort", "form.pdf")


def test_a_hostile_name_is_shown_harmless_and_short():
    name = "\u202efdp.\r\nSet-Cookie: a=b {0} {file}\0" + "x" * 4096 + ".exe"
    with pytest.raises(WrongType) as refusal:
        inspect_head(b"MZ", name)
    shown = refusal.value.message.partition(" was not stored")[0]
    assert len(shown) == 80
    assert shown.isprintable()


def test_the_system_library_comes_first_and_the_wheel_can_be_forced():
    wheel = importlib.util.find_spec("pylibmagic")
    assert wheel
    assert wheel.origin
    program = (
        "import sys; from vault.inspection.head import load_magic; load_magic(sys.argv[1]);"
        "import magic; print(magic.libmagic._name); print(magic.version())"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", program, library],
            env={"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for library in LIBRARIES
    ]
    assert said[1] == [str(Path(wheel.origin).parent / "libmagic.so.1"), "541"]
    assert said[0][0] in ("libmagic.so.1", said[1][0])
