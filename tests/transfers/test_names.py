"""Names that senders make up, and what of them is shown; names that we make for downloads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.transfers.names import LONGEST_NAME, display_name, download_name
from vault.web.disposition import disposition

HOSTILE = [
    ("form.pdf", "form.pdf"),
    ("../../etc/passwd.txt", "passwd.txt"),
    (r"C:\Users\me\form.docx", "form.docx"),
    ("form\0.pdf", "form.pdf"),
    ("form.exe\0.pdf", "form.exe.pdf"),
    ("invoice\u202efdp.exe", "invoicefdp.exe"),
    ("\u2066a\u2069\u200e\u200fb\ufeff.txt", "ab.txt"),
    ("a\r\nSet-Cookie: x=1\r\n.pdf", "aSet-Cookie: x=1.pdf"),
    ("tab\tand\u2028line.txt", "tabandline.txt"),
    ("  spaces   within .pdf ", "spaces within .pdf"),
    ("cafe\u0301.pdf", "café.pdf"),
    ("نموذج.pdf", "نموذج.pdf"),
    ("می\u200cخواهم.pdf", "می\u200cخواهم.pdf"),
    ("..", "file"),
    ("", "file"),
    ("/", "file"),
    ("\0", "file"),
    (".hidden", "hidden"),
    ("a" * 4096 + ".pdf", "a" * 146 + ".pdf"),
    ("a." + "b" * 4096, "a." + "b" * 148),
]


@pytest.mark.parametrize(("given_name", "shown"), HOSTILE)
def test_of_a_hostile_name_only_what_can_be_shown_is_kept(given_name, shown):
    assert display_name(given_name) == shown


@given(st.text(max_size=400))
def test_a_name_is_short_one_line_and_without_a_path(given_name):
    name = display_name(given_name)

    assert 1 <= len(name) <= LONGEST_NAME
    assert not set(name) & set("/\\\0\r\n\t\u202e\u202d\u2066\u200f")
    assert display_name(name) == name


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("815-26-00412", "815-26-00412_rrf_v3.pdf"),
        ("815/26 C00412", "815-26-C00412_rrf_v3.pdf"),
        ("قضية", "case_rrf_v3.pdf"),
        ('a"; x="../b', "a-x-..-b_rrf_v3.pdf"),
    ],
)
def test_a_download_gets_a_name_of_ours(number, name):
    assert download_name(number, "rrf", 3, "pdf") == name
    assert disposition("attachment", name) == f'attachment; filename="{name}"'


def test_a_name_beyond_ascii_goes_by_rfc_8187():
    assert disposition("inline", "é 1.pdf") == "inline; filename=\"e-1.pdf\"; filename*=UTF-8''%C3%A9%201.pdf"


@given(st.text(max_size=60))
def test_no_name_leaves_its_header_field(name):
    assert not set(disposition("attachment", name)) & set("\r\n\0\\")
    assert disposition("attachment", name).isascii()
