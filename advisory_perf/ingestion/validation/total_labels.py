"""How a total is called in reports, in the languages of the vendors we know."""

TOTAL = r"(?:sub[ -]?totals?|totals?|sums?|summe|zwischensumme|gesamt|gesamtsumme|sous-total|totaux|totale|subtotale|suma|totaal|subtotaal)"
TOTAL_LABEL = rf"(?i)^(?:grand |overall )?{TOTAL}[:.]?(?: (?:of |for )?[^ ]*[0-9][^ ]*)?$|[^a-z]{TOTAL}[:.]?$"
"""The name of a total, and not that of an account which begins with the word."""
