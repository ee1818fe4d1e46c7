"""Mails (邮件): composing them, reminders, weekly summaries, notices of failed runs."""
