"""Benchmarks: every speed a ratio to a named baseline, interleaved in the same run.

They run from a checkout by ``livetranslate bench NAME``, never as part of the tests. ``RESULTS.md``
beside this file keeps the last figures that were really measured.
"""
