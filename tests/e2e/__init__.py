"""A package, so that its shared stack ends with the last test of this folder (scope `package`)."""
