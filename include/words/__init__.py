"""Every word that people read: one place for the Chinese name of each code, source and foreign text on pages, in mails
and logs."""
