"""Requests and responses: paths, parameters, content negotiation, discovery and OpenAPI documents."""
