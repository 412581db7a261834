"""What pods use, and how many of them that needs: simulated usage and the HorizontalPodAutoscaler."""
