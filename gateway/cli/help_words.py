"""Help in the language of the terminal: what commands say of themselves in English is worded by the catalogue.

The English stands where the command is written; the Chinese of each paragraph stands in the catalogue's table ``help``,
by the English one, so that a changed sentence is found to have none. An argument without a word of its own is named as
its field is everywhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
