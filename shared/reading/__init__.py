"""Readers of text that others wrote. Each costs a bounded time, memory and stack, whatever the text holds.

    parse_json            the value of a JSON text, or InvalidText
    int64, uint64         whole numbers in parameters, as Go's strconv reads them
    single.parse_yaml     the one value of a YAML text, or InvalidText (bodies, manifests, an operator's files)
    yaml_text.read        every document of a manifest, with all problems and their lines (the validator)

The readers of YAML are imported from their modules: not every image has PyYAML.
"""

from shared.reading.json_text import MAX_DEPTH, parse_json, refuse_unusable
from shared.reading.numbers import int64, uint64
from shared.reading.problems import InvalidText

__all__ = ["MAX_DEPTH", "InvalidText", "int64", "parse_json", "refuse_unusable", "uint64"]
