"""Demo content: made-up papers and sounds to try the vault with. No real form, no real person, no name.

Everything is made from a seed and comes out the same each time.

    papers      a registration form (PDF), a declaration (DOCX), a transcript (text), a specimen card (PNG, JPEG)
    sound       an interview that sounds like speech and says nothing (WAV)
"""
