"""The product's semantic version. A test checks that pyproject.toml, the images and the changelog have it too."""

VERSION = "0.1.0"
