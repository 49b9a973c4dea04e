"""PDF files with words and scans, and Word documents with a structure, made here."""

from __future__ import annotations

import io
from random import Random

from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from tests.inspection.samples import WORD_MAIN, types, zipped

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
STYLES = f"""<w:styles {W}>
<w:style w:styleId="Titre2"><w:name w:val="heading 2"/></w:style>
<w:style w:styleId="Own"><w:name w:val="Own"/><w:basedOn w:val="Titre2"/></w:style>
<w:style w:styleId="Veiled"><w:name w:val="Veiled"/><w:rPr><w:vanish/></w:rPr></w:style>
</w:styles>"""
NUMBERING = f"""<w:numbering {W}><w:abstractNum w:abstractNumId="7">
<w:lvl w:ilvl="0"><w:start w:val="4"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>
<w:lvl w:ilvl="1"><w:numFmt w:val="lowerRoman"/><w:lvlText w:val="%1.%2)"/></w:lvl></w:abstractNum>
<w:num w:numId="3"><w:abstractNumId w:val="7"/></w:num></w:numbering>"""


def p(words: str, about: str = "") -> str:
    return f"<w:p><w:pPr>{about}</w:pPr><w:r><w:t>{words}</w:t></w:r></w:p>"


def numbered(words: str, level: int = 0) -> str:
    return p(words, f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="3"/></w:numPr>')


def cell(*inside: str) -> str:
    return f"<w:tc>{''.join(inside)}</w:tc>"


BODY = [
    p("Statement", '<w:pStyle w:val="Own"/>'),
    p("قالت &lt;b&gt;إنها&lt;/b&gt; مشت"),
    "<w:p><w:r><w:t>Kept </w:t></w:r><w:ins><w:r><w:t>added</w:t></w:r></w:ins><w:del><w:r><w:delText>taken back</w:delText>"
    "<w:t>taken too</w:t></w:r></w:del><w:r><w:rPr><w:vanish/></w:rPr><w:t>veiled</w:t></w:r><w:r><w:rPr>"
    '<w:rStyle w:val="Veiled"/></w:rPr><w:t>veiled as well</w:t></w:r><w:hyperlink><w:r><w:tab/><w:t>link</w:t></w:r>'
    "</w:hyperlink><w:r><w:instrText>PAGEREF secret</w:instrText></w:r></w:p>",
    numbered("first"),
    numbered("within", 1),
    numbered("within too", 1),
    f"<w:sdt><w:sdtContent>{numbered('second')}</w:sdtContent></w:sdt>",
    f"<w:tbl><w:tr>{cell(p('Name'))}{cell(p('Amina'), p('Warsame'))}</w:tr><w:tr><w:trPr><w:del/></w:trPr>{cell(p('gone'))}"
    f"</w:tr><w:tr>{cell(p('Age'))}{cell('<w:tbl><w:tr>', cell(p('34')), '</w:tr></w:tbl>')}</w:tr></w:tbl>",
    f"<w:p><w:r><mc:AlternateContent xmlns:mc='x'><mc:Choice><w:txbxContent>{p('in a box')}</w:txbxContent></mc:Choice>"
    f"<mc:Fallback><w:txbxContent>{p('in a box')}</w:txbxContent></mc:Fallback></mc:AlternateContent></w:r></w:p>",
]


def written(*body: str, **parts: str) -> bytes:
    inside = f"<w:document {W}><w:body>{''.join(body)}</w:body></w:document>"
    more = [(f"word/{name}.xml", content.encode()) for name, content in parts.items()]
    return zipped(("[Content_Types].xml", types(WORD_MAIN)), ("word/document.xml", inside.encode()), *more)


def paper(*pages: str, scans: tuple[int, int] | None = None) -> bytes:
    """A PDF with these words, a line each, on noise of so many dots."""
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=(595, 842))
    for number, words in enumerate(pages):
        if scans:
            canvas.drawImage(ImageReader(noise(*scans, number)), 0, 0, 595, 842)
        canvas.setFont("Helvetica", 9)
        for at, line in enumerate(words.splitlines()):
            canvas.drawString(40, 810 - 10 * at, line)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    """The same dots each time, others for another seed."""
    return Image.frombytes("RGB", (width, height), Random(seed).randbytes(width * height * 3))
