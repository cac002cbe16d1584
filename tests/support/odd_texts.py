"""Texts that subtitle formats and their readers trip over."""

from __future__ import annotations

ODD_TEXTS = (
    "if a < b & c --> d {x}",
    "<script>alert(1)</script> <i>not italic</i>",
    "</c> <00:00:01.000> & &amp; &lt; &#65;",
    "two\nlines\r\nand\u2028three",
    "path C:\\New\\hidden\\next {\\an8}up",
    "42",
    "00:00:01,000 --> 00:00:02,000",
    "from 00:00:01.000 to 00:00:02.000",
    "NOTE this",
    "STYLE",
    "WEBVTT",
    "1\n00:00:00,000 --> 00:00:09,000\ninjected",
    "שלום עולם abc מה שלומך",
    "مرحبا بالعالم، كيف حالك؟",
    "你好，世界。今天见！",
    "emoji 👩‍👩‍👧 and e\u0301",
    "\ttabs\tand  blanks ",
    "bell \x07 and escape \x1b[0m",
    "-- -> ---> -->",
    "a<b>c",
    "{}",
    "- dialogue",
    "…",
)
