"""Benchmarks: speed, memory and quality on public data. `python -m benchmarks.run` runs them and writes RESULTS.md."""
