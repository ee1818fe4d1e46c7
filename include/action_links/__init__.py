"""Action links: signed links in mails, by which a coordinator acts without a login (docs/adr/0014)."""
