"""Representations of objects other than their own: Tables and PartialObjectMetadata."""
