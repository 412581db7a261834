"""Who calls, and how that is proven; the gateway and the simulator share it."""
