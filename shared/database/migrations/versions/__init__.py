"""One file a revision; a revision that has been released never changes again."""
