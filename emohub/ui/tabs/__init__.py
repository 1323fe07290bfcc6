"""The tabs, one file each: layout, wiring and how an answer is rendered."""
