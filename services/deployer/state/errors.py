"""The errors of the state room.

RevisionConflict (TemporaryError)   another replica wrote the record first: read it again
ManifestMissing  (TemporaryError)   the store lost a manifest; it is rendered again where that is possible
InvalidManifest  (PermanentError)   the manifest can't be deployed, however often it is read
"""

from shared.errors import PermanentError, TemporaryError


class RevisionConflict(TemporaryError):
    """Another replica wrote the record first; what was read before is stale."""

    code = "CONFLICT"


class ManifestMissing(TemporaryError):
    """The store lost a manifest that it had, or returns another text.

    The gateway publishes the request of a silent deployment again, and then the manifest is rendered again.
    """


class InvalidManifest(PermanentError):
    """The manifest is no list of Kubernetes objects, or was lost and can't be rendered again."""

    code = "MANIFEST_INVALID"
