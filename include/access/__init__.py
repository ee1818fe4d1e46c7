"""Who may see which departments: grants that an administrator edits."""
