"""MFA services: one module per kind of target, each with its `Settings` and `connect(name, settings)`.

What `connect` returns has a `reader`, which cannot change anything, and a `writer()`, which is made only by those who
apply a plan.
"""
