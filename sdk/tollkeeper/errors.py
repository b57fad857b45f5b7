"""Whose fault it is, for everything the command line starts; messages hold no secret.

TollkeeperError                 something outside us failed: exit 1
├── ControlUnreachable          the control store cannot be asked; whoever asks must refuse
└── UseError                    what was asked for makes no sense: one line, exit 2
    ├── ConfigError             the configuration file, a flag or a variable is wrong
    └── KeyUnclear              no key, or more than one, is meant by that name
"""


class TollkeeperError(Exception):
    """Something outside us failed; the message is one line for a person."""

    exit_status = 1


class UseError(TollkeeperError):
    """What was asked for makes no sense."""

    exit_status = 2


class ConfigError(UseError):
    """The configuration is wrong; the message starts with ``file:line:`` where there is one."""


class ControlUnreachable(TollkeeperError):
    """The control store cannot be asked: nobody may be let in on that account."""


class KeyUnclear(UseError):
    """No key, or more than one, is meant."""
