"""Clients of machines on servers: language and vision models behind an OpenAI-compatible address."""

from activessl_machines.language import Language, language_of

__all__ = ["Language", "language_of"]
