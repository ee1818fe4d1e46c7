"""Editions of the circular: one content, and the forms in which it leaves: PDF, DOCX, XLSX, HTML, JSON, CSV."""
