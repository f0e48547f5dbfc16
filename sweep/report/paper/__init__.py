"""What an author needs to write a run up: its table, methods, references, checklists and figures for a journal."""
