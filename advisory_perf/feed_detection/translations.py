"""The words of column names in German, French, Italian, Spanish and Dutch, and what they are called in the vocabulary.

Data, and how a name is put together from it: word by word, compounds by their two parts, and turned round where the other language
says the head first (``Numéro de compte``, account number). A name with a single word that is not here stays unknown, so that a
word that changes the meaning (``depuis``, ``latentes``) is never passed over. Words that mean different things in two of the
languages (Valuta, Cambio) are left out.
"""

import re
import unicodedata
from collections.abc import Iterator

_WORDS = {
    "account": "Konto Konten Depot compte comptes conto conti cuenta cuentas rekening",
    "number": "Nummer Nr no numéro numero número nummers",
    "code": "codice código",
    "name": "Name Bezeichnung nom nome nombre naam",
    "title": "intitulé libellé titolo",
    "client": "Kunde Kunden cliente clienti clientes klant klanten",
    "portfolio": "Portefeuille portafoglio cartera Portfolios",
    "date": "Datum data fecha",
    "as of": "arrêté",
    "as of date": "Stichtag Peildatum",
    "reference": "riferimento référence referencia Referenz Referentie",
    "valuation": "Bewertung valorisation évaluation valutazione valoración Waardering valorizzazione",
    "beginning": "Anfang Anfangs début initial initiale iniziale inicial inicio Begin",
    "ending": "Ende End Schluss fin final finale finali finales Eind Einde",
    "value": "Wert Bestand Vermögen valeur valore controvalore valor patrimonio Waarde vermogen",
    "market": "Markt marché mercato mercado",
    "market value": "Marktwert Kurswert marktwaarde",
    "balance": "Saldo",
    "amount": "Betrag montant importo importe bedrag",
    "total": "gesamt totale totaal Gesamt",
    "net": "Netto nette nets nettes netti netta nette neto neta netos netas",
    "gross": "Brutto brut brute brutes lordo lorda lordi bruto bruta",
    "flow": "flux flusso flussi flujo flujos Mittelfluss Mittelflüsse kasstroom kasstromen",
    "contribution": "Einlage Einlagen apport apports versement versements conferimento conferimenti apporti apporto aportación aportaciones"
    " storting stortingen",
    "deposit": "Einzahlung Einzahlungen dépôts versamento versamenti depósitos depósito",
    "inflow": "Zufluss Zuflüsse entrées entrate entradas instroom",
    "withdrawal": "Entnahme Entnahmen Auszahlung Auszahlungen retrait retraits prelievo prelievi retirada retiradas retiros"
    " onttrekking onttrekkingen opname opnames",
    "outflow": "Abfluss Abflüsse sorties uscite salidas uitstroom",
    "income": "Erträge revenu revenus provento proventi ingresos inkomsten opbrengsten",
    "interest": "Zinsen intérêts interessi intereses rente",
    "dividend": "Dividende Dividenden dividendes dividendi dividendos",
    "appreciation": "Kursgewinn Kursgewinne koersresultaat rivalutazione revalorización",
    "gain": "Gewinn Gewinne gain gains plusvalenza plusvalenze ganancias winst",
    "loss": "Verlust Verluste pertes minusvalenze pérdidas verlies",
    "fee": "Gebühr Gebühren frais commissione commissioni comisión comisiones honoraires Honorare vergoeding",
    "expense": "Kosten spese gastos",
    "management": "Verwaltung Verwaltungs gestion gestione gestión beheer",
    "advisory": "conseil consulenza asesoramiento advies Beratung",
    "return": "Rendite rendement rendimento rentabilidad",
    "time weighted": "zeitgewichtete zeitgewichtet pondéré ponderado ponderato tijdgewogen",
    "benchmark": "Vergleichsindex Referenzindex",
    "index": "indice índice",
    "currency": "Währung devise devises divisa moneda munt munteenheid monnaie",
}
_ELISIONS = {
    "zu abflusse": "inflow outflow",
    "ein auszahlungen": "deposit withdrawal",
    "plus moins value": "appreciation depreciation",
    "plus moins values": "appreciation depreciation",
    "plus minusvalenze": "appreciation depreciation",
}
"""Names whose first word is only half of one."""
_ARTICLES = frozenset(
    (
        *("de", "du", "des", "d", "l", "la", "le", "les", "et", "en", "del", "el", "las", "los", "y", "di", "della", "delle", "dello"),
        *("dei", "da", "il", "lo", "e", "der", "die", "das", "den", "und", "van", "het"),
    )
)
_LINKS = ("", "s", "n", "en", "es")


def without_accents(text: str) -> str:
    """The text in letters without accents, and the signs for *number* as the word."""
    spelled = re.sub(r"(?i)\bn\s?[°º](?=\W)", "number ", text).replace("ß", "ss")
    return "".join(one for one in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(one))


def _spellings(word: str) -> Iterator[str]:
    plain = word.casefold()
    yield without_accents(plain)
    yield without_accents(re.sub("[äöü]", lambda found: {"ä": "ae", "ö": "oe", "ü": "ue"}[found[0]], plain))


_ENGLISH = {spelling: english for english, words in _WORDS.items() for word in words.split() for spelling in _spellings(word)}
_SHARED = frozenset({"benchmark", "portfolio", "performance", "index", "twr", "client", "code", "date", "number", "total", "net", "fund"})
"""English words that vendors' names use in any language."""
_KNOWN = _ENGLISH.keys() | _SHARED


def in_english(words: str) -> tuple[str, ...]:
    """A name of plain lower-case words in English, in its own order and turned round; nothing where it is not known whole."""
    if words in _ELISIONS:
        return (_ELISIONS[words],)
    if all(word in _SHARED for word in words.split()):
        return ()
    parts = []
    for word in words.split():
        if word not in _ARTICLES:
            part = _word(word)
            if part is None:
                return ()
            parts.append(part)
    return tuple(dict.fromkeys((" ".join(parts), " ".join(reversed(parts)))))


def _word(word: str) -> str | None:
    if word in _ENGLISH:
        return _ENGLISH[word]
    if word in _SHARED:
        return word
    for end in range(len(word) - 1, 2, -1):
        first = word[:end]
        if first in _KNOWN:
            rests = (word[end:].removeprefix(link) for link in _LINKS if word[end:].startswith(link))
            rest = next((one for one in rests if one in _KNOWN), None)
            if rest is not None:
                return f"{_ENGLISH.get(first, first)} {_ENGLISH.get(rest, rest)}"
    return None
