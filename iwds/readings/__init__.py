"""Captured readings: everything that one plan rested on, in a file, and adapters that answer from it.

The recording is cut at the ports: wrappers around sources, target and state note what went through them, and adapters
give it back. Between the two stands the engine, which knows of neither.
"""
