"""Events of the workers into rows."""
