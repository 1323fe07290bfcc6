"""Values of a table that are names: of labels, of groups, of slices."""

import math

from emohub.data.table import Table


def names_in(table: Table, column: str) -> list[str]:
    """The values of a column as names, those that the file itself states where it holds numbers for them.

    Raises:
        DataError: there is no such column, or a value in it cannot be read.
    """
    stated = table.label_names.get(column)
    values = table.values(column)
    if stated is None:
        return [name_of(value) for value in values]
    # A number for which there is no name, such as -1, stands for none.
    return [
        (stated[value] if 0 <= value < len(stated) else "") if isinstance(value, int) else name_of(value)
        for value in values
    ]


def name_of(value: object) -> str:
    """A value as people write it; empty for a null and for what is no number.

    A fraction that is whole is written as an integer: in many files integers are stored so because some are missing.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value).strip()
