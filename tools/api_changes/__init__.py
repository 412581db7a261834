"""What changed in the API since the last release that breaks clients.

operations   paths, methods, operation ids, parameters, bodies, answers
schemas      what a body may contain: requests must not become narrower, answers not wider or poorer
__main__     compares with the released documents in `docs/api`, and writes those of a release

A comparison of our own: oasdiff, which knows more rules, is a Go program, and the Python packages for it are young. The
rules are those of `operations` and `schemas`; each has a row in the tests.
"""
