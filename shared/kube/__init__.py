"""What several services need to know about Kubernetes objects: schemas, strict decoding, semantic rules, quantities.

Nothing here talks to a cluster. The simulator uses it to refuse what a real API server refuses, and the manifest
service to find the same faults before anything is deployed, with the same words.
"""
