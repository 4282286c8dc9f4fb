"""Brandloom: from a shop's own exports to written, checked, sent and measured campaigns."""

__version__ = "0.1.0"
