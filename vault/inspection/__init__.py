"""Inspection: what an untrusted file is, found out where it can do no harm.

Nothing but a process of its own reads what somebody uploads: one for each look at a file, which lives for milliseconds,
holds one socket, and can open, connect, start and signal nothing. A file is accepted when three opinions agree: its name's
ending, our own reading of its first 64 KiB, and libmagic's. Only what stands in the table of `formats` is accepted; every
refusal is a sentence that says what to do. Once the file stands in the store, a second look asks for the blocks of it that
it needs.

In the process that serves:

    formats     what is accepted, and the sentences of refusal
    inspector   the first look: `inspect_head(head, file_name) -> MediaType`
    looking     the look at a whole file: `look_at(media, length, read) -> Seen`
    cleaning    a file without what it says besides its content
    waveform    how loud a recording is, part by part
    previews    a page as a picture, with its words
    outlines    words without pictures: of pages, or of a text with its structure
    watermarks  a PDF with a stamp on every page
    duration    what is believed of a recording's length
    keeper      the zygote's keeper
    protocol    what both sides say to each other

In the processes that look, and nowhere else:

    zygote          loads what looks need, shuts itself in, and forks one process for each
    confinement     the walls; `proof` tries them
    head, content   the first look
    whole, asked    the look at a whole file, block by block
    pdfs, archives, packing, pictures, texts, polyglots    what it knows
    scrubbing, office_scrubbing    taking out what a file says besides its content
    rendering       a page as a picture: pdf_pages, page_text, picture_pages make a `sheet`, `stamps` draws over it,
                    `webp` packs it
    wording         words alone: of pages, and of Word documents by word_text and word_styles
    sound           how long a recording plays
    peaks, compressed    how loud it is
    stamps, lettering           what is drawn over a page: who looks at it, and when
    stamping                    a stamp on every page of a PDF
"""
