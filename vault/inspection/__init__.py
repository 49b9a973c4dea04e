"""Inspection: what an untrusted file is, found out where it can do no harm.

A file is accepted when three opinions agree: its name's ending, our own reading of its first 64 KiB, and
libmagic's. The reading happens in a child process without secrets that can open nothing and has no room to
grow; the bytes reach it through a socket pair, never through a file. Only what stands in the table of
`formats` is accepted; every refusal is a sentence that says what to do.

    formats     what is accepted, and the sentences of refusal
    content     what some bytes are, by their signatures
    child       the process that looks: `content` and libmagic
    inspector   the process's keeper: `inspect_head(head, file_name) -> MediaType`

How long a recording is, is read in the same way by a child that ends with its answer:

    duration    `read_duration(media_type, length, read)`, and what is believed
    duration_child, sound   the process, and what it does
"""
