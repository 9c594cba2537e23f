"""Every parser of outside data gets inputs that its writers never write.

    python tests/faults/fuzz --inputs 100000 --seconds 60 --out bench/faults

``changes`` changes real inputs in memory; ``of_files``, ``of_projects`` and ``of_servers`` have the parsers, ``home``
and ``answers`` their real inputs; ``running`` gives inputs to a parser, ``process`` does so in a process of its own.
"""

from fuzz import of_files, of_projects, of_servers
from fuzz.parsers import PARSERS, Parser
from fuzz.running import Found, try_inputs

__all__ = ["PARSERS", "Found", "Parser", "of_files", "of_projects", "of_servers", "try_inputs"]
