"""The benchmark: people per second, processor time and peak memory of each stage of a run, beside `ldapsearch`."""
