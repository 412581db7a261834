"""Forms in which an object is returned besides its own: Tables and PartialObjectMetadata."""
