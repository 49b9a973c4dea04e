"""Casevault: a vault for refugee resettlement case files."""

__version__ = "0.1.0"
