"""Operations 外呼任务 as people see them: list, retry, resolve."""
