"""Currencies: the codes of ISO 4217, those it has withdrawn, minor units that vendors write in their place, and signs.

Data only. XTS and XXX, the codes for tests and for no currency, are none. A sign may stand for several currencies, the likeliest
first; whether it is the row's is decided in the room that reads rows.
"""

from dataclasses import dataclass
from datetime import date

LIST_DATE = date(2026, 1, 1)
"""The day of the list of ISO 4217 (SIX, list one) that ``ACTIVE`` holds."""

_ACTIVE = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP
    COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK
    JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN
    NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP
    SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAD XAF XAG XAU XBA XBB XBC XBD XCD XCG
    XDR XOF XPD XPF XPT XSU XUA YER ZAR ZMW ZWG
"""
ACTIVE = frozenset(_ACTIVE.split())
"""Every active code, with those of funds, of precious metals and of accounting units."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What took the place of a currency, and the last day on which its code was active."""

    successor: str
    until: date


WITHDRAWN = {
    **dict.fromkeys(
        ("ATS", "BEF", "DEM", "ESP", "FIM", "FRF", "GRD", "IEP", "ITL", "LUF", "NLG", "PTE", "XEU"), Withdrawn("EUR", date(2002, 2, 28))
    ),
    "SIT": Withdrawn("EUR", date(2007, 1, 14)),
    **dict.fromkeys(("CYP", "MTL"), Withdrawn("EUR", date(2008, 1, 31))),
    "SKK": Withdrawn("EUR", date(2009, 1, 16)),
    "EEK": Withdrawn("EUR", date(2011, 1, 14)),
    "LVL": Withdrawn("EUR", date(2014, 1, 14)),
    "LTL": Withdrawn("EUR", date(2015, 1, 15)),
    "HRK": Withdrawn("EUR", date(2023, 1, 14)),
    "BGN": Withdrawn("EUR", date(2026, 1, 31)),
    "ANG": Withdrawn("XCG", date(2025, 6, 30)),
    "AZM": Withdrawn("AZN", date(2006, 12, 31)),
    "BYB": Withdrawn("BYN", date(2000, 12, 31)),
    "BYR": Withdrawn("BYN", date(2016, 12, 31)),
    "CSD": Withdrawn("RSD", date(2006, 12, 31)),
    "CUC": Withdrawn("CUP", date(2021, 6, 30)),
    "GHC": Withdrawn("GHS", date(2007, 12, 31)),
    "MRO": Withdrawn("MRU", date(2017, 12, 31)),
    "MXP": Withdrawn("MXN", date(1995, 12, 31)),
    "MZM": Withdrawn("MZN", date(2006, 12, 31)),
    "PLZ": Withdrawn("PLN", date(1996, 12, 31)),
    "ROL": Withdrawn("RON", date(2006, 12, 31)),
    "RUR": Withdrawn("RUB", date(2004, 1, 31)),
    "SDD": Withdrawn("SDG", date(2007, 6, 30)),
    "SLL": Withdrawn("SLE", date(2024, 3, 31)),
    "SRG": Withdrawn("SRD", date(2004, 12, 31)),
    "STD": Withdrawn("STN", date(2017, 12, 31)),
    "TMM": Withdrawn("TMT", date(2009, 6, 30)),
    "TRL": Withdrawn("TRY", date(2005, 12, 31)),
    "VEB": Withdrawn("VES", date(2008, 6, 30)),
    "VEF": Withdrawn("VES", date(2018, 8, 20)),
    "ZMK": Withdrawn("ZMW", date(2012, 12, 31)),
    **dict.fromkeys(("ZWD", "ZWR", "ZWN"), Withdrawn("ZWG", date(2009, 6, 30))),
    "ZWL": Withdrawn("ZWG", date(2024, 8, 31)),
}
"""The codes that a delivery of today's accounts may still hold."""


@dataclass(frozen=True, slots=True)
class MinorUnit:
    """A part of a currency that is written like a currency: ``major`` is the code, of which it is 10 ** -``digits``."""

    major: str
    digits: int = 2

    @property
    def scale(self) -> str:
        """The feed's ``scale`` that makes the major unit of it."""
        return f"0.{'0' * (self.digits - 1)}1"


MINOR_DIGITS = (2, 3)
"""By how many digits a minor unit may be smaller than its currency."""
_THOUSANDTHS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
_UNDIVIDED = "BIF CLF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_WRITTEN = {
    "GBP": "GBX GBPp GBPX GBPP pence Pence PENCE p",
    "ZAR": "ZAC ZAc ZAX ZARc ZARX",
    "ILS": "ILA ILa ILX ILAC agorot Agorot AGOROT",
    "USD": "USX USc USC USDc USDX",
    "EUR": "EUX EUc EUC EURc EURX",
    "CAD": "CAX CAc CADc",
    "AUD": "AUX AUc AUDc",
    "NZD": "NZX NZc NZDc",
    "HKD": "HKX HKc HKDc",
    "SGD": "SGX SGc SGDc",
    "KWD": "KWF KWf",
    "BHD": "BHf",
    "JOD": "JOf",
    "OMR": "OMb",
}
_METALS_AND_UNITS = "X"

MINOR_UNITS = {
    **{
        # Bloomberg's way: the currency's code with its last letter small, GBp, ZAr, KWd.
        code[:2] + code[2].lower(): MinorUnit(code, 3 if code in _THOUSANDTHS else 2)
        for code in sorted(ACTIVE.difference(_UNDIVIDED.split()))
        if not code.startswith(_METALS_AND_UNITS)
    },
    **{text: MinorUnit(code, 3 if code in _THOUSANDTHS else 2) for code, texts in _WRITTEN.items() for text in texts.split()},
}
"""By what vendors and their data sources write (Bloomberg, Refinitiv, Yahoo)."""

_DOLLARS = "USD CAD AUD NZD HKD SGD TWD XCD BBD BMD BND BSD BZD FJD GYD JMD KYD LRD NAD SBD SRD TTD"
_PESOS = "MXN ARS CLP COP CUP DOP UYU"
SIGNS = {
    sign: tuple(codes.split())
    for sign, codes in {
        "$": f"{_DOLLARS} {_PESOS}",
        "US$": "USD", "U$S": "USD", "USD$": "USD",
        "C$": "CAD NIO", "CA$": "CAD", "CAD$": "CAD", "Can$": "CAD", "CDN$": "CAD",
        "A$": "AUD", "AU$": "AUD", "AUD$": "AUD",
        "NZ$": "NZD", "HK$": "HKD", "S$": "SGD", "SG$": "SGD", "NT$": "TWD", "Mex$": "MXN", "MX$": "MXN", "R$": "BRL",
        "EC$": "XCD", "J$": "JMD", "TT$": "TTD", "B$": "BSD BND", "BZ$": "BZD", "FJ$": "FJD", "N$": "NAD",
        "\u20ac": "EUR", "Euro": "EUR", "EURO": "EUR", "Euros": "EUR",
        "\u00a3": "GBP GIP FKP SHP EGP LBP SYP SSP SDG", "\u20a4": "GBP", "UK\u00a3": "GBP", "STG": "GBP", "Stg": "GBP",
        "\u00a5": "JPY CNY", "\uffe5": "JPY CNY", "JP\u00a5": "JPY", "CN\u00a5": "CNY", "RMB": "CNY", "\u5143": "CNY", "\u5186": "JPY",
        "Fr": "CHF", "Fr.": "CHF", "fr.": "CHF", "Frs.": "CHF", "SFr": "CHF", "SFr.": "CHF", "sFr": "CHF", "sFr.": "CHF", "SFR": "CHF",
        "kr": "SEK NOK DKK ISK", "kr.": "SEK NOK DKK ISK", "Kr": "SEK NOK DKK ISK", "Kr.": "SEK NOK DKK ISK",
        "\u20b9": "INR", "\u20a8": "INR PKR LKR NPR MUR SCR", "Re.": "INR PKR LKR NPR MUR SCR",
        "Rs": "INR PKR LKR NPR MUR SCR", "Rs.": "INR PKR LKR NPR MUR SCR",
        "R": "ZAR", "\u20aa": "ILS", "NIS": "ILS", "\u20a9": "KRW KPW", "z\u0142": "PLN", "K\u010d": "CZK", "Ft": "HUF", "lei": "RON",
        "\u20ba": "TRY", "TL": "TRY", "\u20bd": "RUB", "\u20b4": "UAH", "\u20b8": "KZT", "\u0e3f": "THB", "\u20b1": "PHP", "\u20ab": "VND",
        "RM": "MYR", "Rp": "IDR", "Rp.": "IDR", "\u20a6": "NGN", "\u20b5": "GHS", "KSh": "KES", "\u20a1": "CRC", "\u20b2": "PYG",
        "S/": "PEN", "S/.": "PEN", "Dhs": "AED", "Dhs.": "AED", "\u20be": "GEL", "\u20bc": "AZN", "\u058f": "AMD",
    }.items()
}  # fmt: skip
"""What is printed beside amounts, and the currencies that it may mean, the likeliest first."""


_CENTS = frozenset({"\u00a2", "c", "ct", "ct.", "cts", "cent", "cents", "Cents"})


@dataclass(frozen=True, slots=True)
class Mark:
    """What a sign or code beside an amount may mean: one of the codes, or 10 ** -``digits`` of it."""

    codes: tuple[str, ...]
    digits: int = 0


def meant_by(sign: str) -> Mark | None:
    """What a sign or code beside an amount may mean; None where neither the list nor the signs have it."""
    if sign in ACTIVE or sign in WITHDRAWN:
        return Mark((sign,))
    if sign in MINOR_UNITS:
        return Mark((MINOR_UNITS[sign].major,), MINOR_UNITS[sign].digits)
    if sign in _CENTS:
        return Mark((*SIGNS["$"], "EUR", "ZAR"), 2)
    return Mark(SIGNS[sign]) if sign in SIGNS else None


def why_none(code: str) -> str:
    """Why a text is no currency code, and what would make it one."""
    if code in MINOR_UNITS:
        unit = MINOR_UNITS[code]
        return (
            f"{code} is a minor unit of {unit.major} and no currency of ISO 4217; set `currency: {unit.major}` and `scale: {unit.scale}`"
            " on the amounts, or set `minor_units: accept`"
        )
    if code in WITHDRAWN:
        old = WITHDRAWN[code]
        return f"{code} was withdrawn from ISO 4217 after {old.until} and replaced by {old.successor}; send the amounts in {old.successor}"
    return f"{code} is no code of ISO 4217 as of {LIST_DATE}"
