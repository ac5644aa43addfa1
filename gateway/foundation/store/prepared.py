"""Statements that stand in modules: compiled once for a database, then handed to its driver as text.

SQLAlchemy asks of every execution what its statement would compile to, although the statement is the same object each
time; that took a fifth of what a payment costs. Here a statement that is seen a second time gets a plan: its text, how
values are bound and how rows are read, with SQLAlchemy's own processors. A statement that a function makes anew each
time is never seen twice and goes the ordinary way. So does what a plan cannot hold: text, lists of values
(``expanding``), defaults that Python computes, RETURNING for many rows, results that are streamed.

This is the one place that knows the driver. Transactions, savepoints and errors are SQLAlchemy's. Of its listeners
those of ``before_cursor_execute`` hear of a planned statement, others do not. ``inserted_primary_key`` is not told: a
statement that needs it says RETURNING.

A statement with the execution option ``HELD`` may wait: while units share a commit, its rows are held back and sent as
one execution before anything else looks at its table. For an INSERT whose rows nobody counts, and whose IntegrityError
nobody catches, since it comes later; then the units are run apart, and each has its own error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import CompoundSelect, Connection, Delete, Dialect, Engine, Executable, Insert, Select, Table, Update
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.sql import visitors
from sqlalchemy.sql.compiler import SQLCompiler

Bound = tuple[Any, ...] | dict[str, Any]
Process = Callable[[Any], Any]

_KINDS = (Select, CompoundSelect, Insert, Update, Delete)
HELD = "held"
"""The execution option of a statement whose rows may be sent with those of other units."""
_HARMLESS = frozenset({"life", HELD})
"""Execution options of a statement that change nothing of how it is executed."""
_NO_COLUMNS = SimpleResultMetaData([])


class Ordinary(Enum):
    """Why there is no plan: the statement was seen once so far, or is one that a plan cannot hold."""

    SO_FAR = "so far"
    ALWAYS = "always"


def prepare(engine: Engine) -> Engine:
    """Let the connections of an engine remember the statements that they have seen; the same engine."""
    engine._connection_cls = type("Prepared", (PreparedConnection,), {"plans": Plans(engine.dialect)})
    return engine


class PreparedResult(IteratorResult[Any]):
    """What a planned statement gave: its rows, all of them read, and how many it has touched."""

    rowcount: int = -1


@dataclass(slots=True, eq=False)
class Plan:
    """One statement for one database. It is also what listeners and SQLAlchemy's handling of errors see as context.

    ``binds``: the key of each value, its name in the text, what makes it fit for the driver. ``fixed``: values that the
    statement brings itself. ``columns``: names, what else finds them, and types of what it returns.
    ``tables``: the names of all that it looks at. ``held``: where its rows come among those that wait, and their table;
    None where they do not wait.
    """

    sql: str
    positional: bool
    executemany: bool
    binds: tuple[tuple[str, str, Process | None], ...]
    fixed: Mapping[str, Any]
    columns: Sequence[Any]
    execution_options: Mapping[str, Any]
    tables: frozenset[str]
    held: tuple[int, str] | None
    described: SimpleResultMetaData | None = field(default=None)

    def bind(self, values: Mapping[str, Any]) -> Bound:
        """The values as the driver takes them. KeyError for one that is missing."""
        if self.fixed:
            values = {**self.fixed, **values}
        if self.positional:
            return tuple([values[key] if fit is None else fit(values[key]) for key, _, fit in self.binds])
        return {name: values[key] if fit is None else fit(values[key]) for key, name, fit in self.binds}

    def result(self, dialect: Dialect, cursor: Any) -> PreparedResult:
        """What the driver has to tell; its cursor is read to the end and closed."""
        if self.columns:
            rows = cursor.fetchall()
            described = self.described or self._describe(dialect, cursor.description)
            result = PreparedResult(described, iter(rows))
        else:
            result = PreparedResult(_NO_COLUMNS, iter(()))
        result.rowcount = cursor.rowcount
        cursor.close()
        return result

    def _describe(self, dialect: Dialect, description: Sequence[Any]) -> SimpleResultMetaData:
        fits = [
            column.type._cached_result_processor(dialect, told[1])
            for column, told in zip(self.columns, description, strict=True)
        ]
        self.described = SimpleResultMetaData(
            [column.keyname for column in self.columns],
            extra=[column.objects for column in self.columns],
            _processors=fits if any(fits) else None,
        )
        return self.described

    def handle_dbapi_exception(self, _error: BaseException) -> None:
        """SQLAlchemy tells its context of an error; there is nothing to undo here."""


class Plans:
    """What an engine knows of the statements that it has seen; they are forgotten with the statement."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._of: WeakKeyDictionary[Executable, dict[tuple[Any, ...], Plan | Ordinary]] = WeakKeyDictionary()

    def find(self, statement: Executable, row: Mapping[str, Any], many: bool) -> Plan | None:
        """The plan of a statement for one row of values, or for many like it; None: execute it the ordinary way."""
        if not isinstance(statement, _KINDS):
            return None
        known = self._of.setdefault(statement, {})
        # What an INSERT or an UPDATE sets is named by the values with which it is executed.
        names = (many,) if isinstance(statement, Select) else (many, *row)
        plan = known.get(names)
        if plan is None:
            known[names] = Ordinary.SO_FAR
        elif plan is Ordinary.SO_FAR:
            plan = known[names] = self._plan(statement, row, many) or Ordinary.ALWAYS
        return plan if isinstance(plan, Plan) else None

    def _plan(self, statement: Any, values: Mapping[str, Any], many: bool) -> Plan | None:
        options = statement.get_execution_options()
        returning = bool(getattr(statement, "_returning", ()))
        if not _HARMLESS.issuperset(options) or (many and (returning or isinstance(statement, Select))):
            return None
        compiled: SQLCompiler = statement.compile(
            dialect=self._dialect,
            column_keys=list(values),
            # Else an INSERT asks for the primary key that it has made.
            for_executemany=many or (isinstance(statement, Insert) and not returning),
        )
        names = [column.keyname for column in compiled._result_columns]
        computed = compiled.insert_prefetch or compiled.update_prefetch or compiled.implicit_returning
        if computed or compiled.post_compile_params or compiled.literal_execute_params:
            return None
        if len(set(names)) != len(names) or (many and compiled._insertmanyvalues is not None):
            return None
        binds, fixed = [], {}
        escaped = compiled.escaped_bind_names
        positional = compiled.positional
        for name in (compiled.positiontup or ()) if positional else compiled.binds:
            bind = compiled.binds[name]
            fit = compiled._bind_processors.get(name)
            if bind.callable is not None or isinstance(fit, Sequence):
                return None
            # A value is given under the key that the statement's author wrote, or the name that it has in the text.
            key = bind.key if bind.key in values else name
            if key not in values:
                if bind.required:
                    return None
                fixed[key] = bind.value
            binds.append((key, escaped.get(name, name), fit))
        return Plan(
            sql=compiled.string,
            positional=positional,
            executemany=many,
            binds=tuple(binds),
            fixed=fixed,
            columns=tuple(compiled._result_columns),
            execution_options=options,
            tables=frozenset(_tables(statement)),
            held=_place(statement.table) if options.get(HELD) and not many and not returning else None,
        )


def _tables(statement: Any) -> Iterator[str]:
    """The names of the tables that a statement reads, changes, or refers to with new rows."""
    for one in visitors.iterate(statement):
        if isinstance(one, Table):
            yield one.name
    if isinstance(statement, Insert):
        for key in statement.table.foreign_keys:
            yield key.column.table.name


def _place(table: Table) -> tuple[int, str]:
    """Its place among the tables, those first to which others refer, and its name."""
    return table.metadata.sorted_tables.index(table), table.name


class Held:
    """Rows that wait until somebody looks at their tables, or until the units that share a commit are at its end."""

    def __init__(self) -> None:
        self._rows: dict[Plan, list[Bound]] = {}
        self._tables: set[str] = set()
        self.error: BaseException | None = None
        """Why they were not taken. It is of no one unit, so none may go on."""

    def add(self, plan: Plan, bound: Bound) -> bool:
        """One more, if it is of those that may wait; whether it is."""
        if plan.held is None:
            return False
        self._rows.setdefault(plan, []).append(bound)
        self._tables.add(plan.held[1])
        return True

    def concerns(self, plan: Plan | None) -> bool:
        """Whether they must go before a statement; None for one of which nothing is known."""
        return bool(self._rows) and (plan is None or not self._tables.isdisjoint(plan.tables))

    def take(self) -> list[tuple[Plan, list[Bound]]]:
        """All of them, by table, in the order of foreign keys; none is held any more."""
        taken = sorted(self._rows.items(), key=lambda one: one[0].held or ())
        self._rows, self._tables = {}, set()
        return taken


class PreparedConnection(Connection):
    """A connection that remembers the statements it has seen."""

    plans: Plans
    held: Held | None = None
    """What waits; None while nothing may."""

    def execute(self, statement: Any, parameters: Any = None, *, execution_options: Any = None) -> Any:
        """``Connection.execute``, the short way where there is one."""
        rows = [parameters or {}] if type(parameters) is not list else parameters
        plan, held = None, self.held
        if rows and type(rows[0]) is dict and not execution_options and self._is_plain():
            plan = self.plans.find(statement, rows[0], len(rows) > 1)
        if plan is None:  # which includes the beginning and the end of a savepoint
            self.send_held()
            return super().execute(statement, parameters, execution_options=execution_options)
        try:
            bound: Any = [plan.bind(row) for row in rows] if plan.executemany else plan.bind(rows[0])
        except Exception:  # a value is missing, or is none: SQLAlchemy finds the words
            self.send_held()
            return super().execute(statement, parameters)
        if held is not None:
            if held.add(plan, bound):
                return PreparedResult(_NO_COLUMNS, iter(()))
            if held.concerns(plan):
                self.send_held()
        return self._send(plan, bound)

    def exec_driver_sql(self, statement: Any, parameters: Any = None, execution_options: Any = None) -> Any:
        """``Connection.exec_driver_sql``, after what is held."""
        self.send_held()
        return super().exec_driver_sql(statement, parameters, execution_options)

    @contextmanager
    def holding(self) -> Iterator[Held]:
        """Let statements wait that may; whoever asks sends them with ``send_held``, or they are never sent."""
        self.held = Held()
        try:
            yield self.held
        finally:
            self.held = None

    def send_held(self) -> None:
        """Send what waits. Raises what the database says to it, which is of no one unit: none may go on then."""
        if self.held is None:
            return
        for plan, rows in self.held.take():
            try:
                if len(rows) == 1:
                    self._send(plan, rows[0])
                else:
                    self._send(replace(plan, executemany=True), rows)
            except BaseException as error:
                self.held.error = error
                raise

    def _is_plain(self) -> bool:
        """Whether nothing about this connection or its transaction asks for the ordinary way, or for its refusal."""
        transaction, nested = self.get_transaction(), self.get_nested_transaction()
        return (
            transaction is not None
            and transaction.is_active
            and (nested is None or nested.is_active)
            and self._dbapi_connection is not None
            and self._execution_options is self.engine._execution_options
        )

    def _send(self, plan: Plan, bound: Any) -> PreparedResult:
        sql, cursor = plan.sql, None
        try:
            cursor = self._dbapi_connection.cursor()  # type: ignore[union-attr]
            for listener in self.dispatch.before_cursor_execute:
                sql, bound = listener(self, cursor, sql, bound, plan, plan.executemany)
            if plan.executemany:
                cursor.executemany(sql, bound)
            else:
                cursor.execute(sql, bound)
            return plan.result(self.dialect, cursor)
        except BaseException as error:
            self._handle_dbapi_exception(error, sql, bound, cursor, plan)  # type: ignore[arg-type]
