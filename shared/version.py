"""The product's semantic version. A test checks that pyproject.toml, the images and the changelog have it too."""

VERSION = "0.1.0"
"""The last release."""
API_VERSION = "0.2.0"
"""The version of the REST API: that of the release which will have it.

A change that breaks clients raises it: its minor number while the major one is 0. `tools.api_changes` compares the API
with that of the last release, and fails if the version doesn't permit what it finds.
"""
