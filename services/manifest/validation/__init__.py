"""Validation of any manifest, ours or a user's: text, schema, semantics, security, capacity.

    reading ─▶ schema ─▶ references, workloads, limits, security, capacity ─▶ findings with lines, in two languages

Pure, bounded in time and memory whatever the text holds, and without a connection of its own.
"""

from services.manifest.validation.checking import Question, validate_objects, validate_text
from services.manifest.validation.codes import CODES

__all__ = ["CODES", "Question", "validate_objects", "validate_text"]
