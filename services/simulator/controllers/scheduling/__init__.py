"""Where pods run: the scheduler, its filters and scores, topology rules, and the volumes that pods claim."""
