"""The verbs of the API: get and list, watch, create, update, patch, delete, and the subresources."""
