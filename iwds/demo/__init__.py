"""The sample company and what happens to it: for the demo, for tests, and to play with."""
