"""Who may do what: credentials and callers, the table of rules, its enforcement, and the grants of single tenants."""
