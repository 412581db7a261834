"""From bytes to a call and back: paths, parameters, content negotiation, discovery and OpenAPI documents."""
