"""Help in the language of the terminal: what commands say of themselves in English is worded by the catalogue.

The English stands where the command is written; the Chinese of each paragraph stands in the catalogue's table ``help``,
by the English one, so that a changed sentence is found to have none. An argument without a word of its own is named as
its field is everywhere else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from typer import BadParameter

from gateway.terminal.output import spoken
from gateway.words.saying import Language, head_in, help_in, say, worded


def in_language(command: Any) -> Any:
    """A command of typer, and all below it, with its help in the language of the terminal. Each is worded once."""
    language = spoken()
    if getattr(command, "spoken_in", None) == language:
        return command
    command.spoken_in = language
    if not getattr(command, "worded", False):
        command.help = command.help and help_in(command.help, language)
        command.epilog = command.epilog and help_in(command.epilog, language)
    for one in command.params:
        one.help = help_in(one.help, language) if one.help else head_in(one.name or "", language)
    if language is Language.CHINESE:
        command.format_help = _with_titles(command.format_help)
        command.get_usage = _with_usage(command.get_usage)
    below = getattr(command, "commands", {})
    for one in below.values() if isinstance(below, dict) else ():
        in_language(one)
    return command


def _with_titles(drawn: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """Typer takes its own words from constants, and makes the option ``--help`` when it is shown."""

    def format_help(ctx: Any, formatter: Any) -> None:
        from typer import rich_utils

        for name in ("ARGUMENTS_PANEL_TITLE", "OPTIONS_PANEL_TITLE", "COMMANDS_PANEL_TITLE"):
            setattr(rich_utils, name, worded(say(f"terminal.{name.lower()}"), spoken()))
        rich_utils.REQUIRED_LONG_STRING = worded(say("terminal.required"), spoken())
        rich_utils.DEFAULT_STRING = worded(say("terminal.default", value="{}"), spoken())
        option = ctx.command.get_help_option(ctx)
        option.help = help_in(option.help, spoken())
        drawn(ctx, formatter)

    return format_help


def _with_usage(made: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda ctx: made(ctx).replace("Usage: ", worded(say("terminal.usage"), spoken()), 1)


_USAGE: Final = {
    "missing_option": r"Missing option (?P<name>.+)\.",
    "missing_argument": r"Missing argument (?P<name>.+)\.",
    "missing_command": r"Missing command\.",
    "no_option": r"No such option: (?P<name>\S+)",
    "no_option_like": r"No such option: (?P<name>\S+) \(Possible options: (?P<others>.+)\)",
    "no_command": r"No such command '(?P<name>[^']+)'\.",
    "no_command_like": r"No such command '(?P<name>[^']+)'\. Did you mean (?P<others>.+)\?",
    "extra_words": r"Got unexpected extra argument\(s\) \((?P<words>.+)\)",
    "takes_no_value": r"Option '(?P<name>[^']+)' does not take a value\.",
    "needs_value": r"Option '(?P<name>[^']+)' requires an argument\.?",
    "wrong_value": r"Invalid value for (?P<name>[^:]+): (?P<why>.+)",
}
"""What Typer says of a command line that it does not understand, by the word of ours for it."""
UsageError: Final[Any] = BadParameter.__mro__[1]


def said_of_usage(error: Any) -> str:
    """What is wrong with a command line, in the language of the terminal; what we have no word for stays as it is."""
    from typer import rich_utils

    rich_utils.ERRORS_PANEL_TITLE = worded(say("terminal.usage_error"), spoken())
    rich_utils.RICH_HELP = worded(say("terminal.usage_try", command="{command_path} {help_option}"), spoken())
    told = str(error.format_message())
    if spoken() is Language.ENGLISH:
        return told
    for name, pattern in _USAGE.items():
        if found := re.fullmatch(pattern, told, re.DOTALL):
            return worded(say(f"terminal.usage_{name}", **found.groupdict()), spoken())
    return told
