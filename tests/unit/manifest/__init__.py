"""The manifest service's pure core and handlers."""
