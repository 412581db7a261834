"""`/api/v1/settings`: reads and changes the settings of a mode, with their history."""
