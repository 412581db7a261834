"""Whether the objects of a deployment are healthy. Pure: no cluster is asked here."""
