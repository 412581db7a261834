"""The settings of a mode that users change over REST, as versions, and where they act: defaults of other operations.

None of them is an address that the server connects to: those are settings of the environment (docs/settings.md), which
a user of the API must not redirect.
"""
