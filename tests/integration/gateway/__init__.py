"""A package, so that its shared gateway ends with the last test of this folder (scope `package`)."""
