"""The words people read: one place for what each code, source and foreign text is called on pages, in mails and in logs."""
