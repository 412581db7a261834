"""Validates any manifest, rendered or a user's: text, schema, semantics, security, capacity.

    reading ─▶ schema ─▶ references, workloads, limits, security, capacity ─▶ findings with lines

Pure, and bounded in time and memory for any input.
"""

from services.manifest.validation.checking import ValidationOptions, validate_objects, validate_text
from services.manifest.validation.codes import CODES

__all__ = ["CODES", "ValidationOptions", "validate_objects", "validate_text"]
