"""Measurements: posted ones, and series of stored ones."""
