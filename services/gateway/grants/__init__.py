"""Who may see a tenant besides those whose token or key names it, and who calls."""
