"""The product's version, a semantic one. pyproject.toml, the images and the changelog have the same; a test says so."""

VERSION = "0.1.0"
