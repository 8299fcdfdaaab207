"""The words of column names: how they are abbreviated, and which names stand for which field.

Data only; how a name is normalised and looked up is in ``column_names``. A template with alternatives in braces stands for every
name that it can be expanded to. Singular and plural, case and marks make no difference; ``and`` and ``the`` are left out.
"""

from typing import NamedTuple


class Names(NamedTuple):
    """The names of one field by their strength, separated by semicolons."""

    exact: str
    likely: str = ""
    possible: str = ""


ABBREVIATIONS = {
    **dict.fromkeys(("acct", "acc", "acnt"), "account"),
    **dict.fromkeys(("num", "no", "nbr", "nr"), "number"),
    **dict.fromkeys(("identifier", "ident"), "id"),
    **dict.fromkeys(("mkt", "mrkt"), "market"),
    **dict.fromkeys(("val", "vl"), "value"),
    "nm": "name",
    "mv": "market value",
    "bmv": "beginning market value",
    "emv": "ending market value",
    **dict.fromkeys(("beg", "bgn", "begin", "begng", "start", "starting", "open", "opening", "bop", "bod", "bom"), "beginning"),
    **dict.fromkeys(("end", "ended", "eop", "eod", "eom"), "ending"),
    **dict.fromkeys(("dt", "dte"), "date"),
    "asof": "as of",
    **dict.fromkeys(("portf", "port", "pf", "ptf"), "portfolio"),
    **dict.fromkeys(("desc", "descr"), "description"),
    **dict.fromkeys(("contrib", "contr"), "contribution"),
    **dict.fromkeys(("distrib", "dist", "distr"), "distribution"),
    **dict.fromkeys(("wd", "wdl", "wdrl", "withdraw"), "withdrawal"),
    **dict.fromkeys(("dep", "dpst"), "deposit"),
    **dict.fromkeys(("add", "adds"), "addition"),
    **dict.fromkeys(("mgmt", "mgt", "mgmnt"), "management"),
    "inc": "income",
    **dict.fromkeys(("div", "divs"), "dividend"),
    "int": "interest",
    **dict.fromkeys(("adj", "adjust", "adjmt"), "adjustment"),
    **dict.fromkeys(("apprec", "appr"), "appreciation"),
    "chg": "change",
    **dict.fromkeys(("gl", "pl", "pnl"), "gain loss"),
    **dict.fromkeys(("unreal", "unrealised", "unrlzd"), "unrealized"),
    **dict.fromkeys(("real", "realised", "rlzd"), "realized"),
    **dict.fromkeys(("bmk", "bmrk", "bench", "bm", "bmark"), "benchmark"),
    "idx": "index",
    **dict.fromkeys(("rtn", "ret", "retn"), "return"),
    "perf": "performance",
    **dict.fromkeys(("twrr", "twror"), "twr"),
    "ror": "rate of return",
    **dict.fromkeys(("ccy", "cur", "curr", "crncy"), "currency"),
    "amt": "amount",
    **dict.fromkeys(("tot", "ttl"), "total"),
    "prev": "previous",
    "ext": "external",
    "misc": "miscellaneous",
    "exp": "expense",
    "hh": "household",
    **dict.fromkeys(("per", "prd"), "period"),
    **dict.fromkeys(("rpt", "rptg"), "report"),
    "bal": "balance",
    "cf": "cash flow",
    "cashflow": "cash flow",
    "netflow": "net flow",
}

SHORTHANDS = {
    "<VALUE>": """
        {market value | value | balance | account value | portfolio value | account balance | portfolio balance | asset value |
        net asset value | nav | net value | total value | total market value | account market value | portfolio market value |
        valuation | equity | total equity | total asset | net asset | market value base | total account value |
        total portfolio value | fair value | net
        account value | base market value | investment value}
    """,
    "<ACCRUALS>": """
        {with | including | incl | plus | } {accrual | accrued | accrued income | accrued interest | ai}
    """,
    "<SPAN>": """
        {period | month | monthly | day | daily | sub period | }
    """,
    "<END>": "{ending | closing | close}",
    "<WHOSE>": """
        {total | period | external | client | capital | account | investor | }
    """,
}
"""Parts that several templates have in common, each a set of alternatives."""

TABLE = {
    "account_id": Names(
        exact="""
            {client|customer|investor|custody|custodian|custodial|fund|plan|brokerage|trust|investment|internal|}
            account {number|id|code};
            account number id
        """,
        likely="account; client account; account {key|reference|ref|short code}; a c {number|id|}; portfolio account {number|id|}",
        possible="""
            portfolio {code|id|number|}; fund {code|id|number}; client {id|number|code}; plan {id|number}; entity id;
            contract {id|number}; {master|bank|external|sub} account {number|id|code}
        """,
    ),
    "account_name": Names(
        exact="{client|customer|} account {name|description|long name|short name|full name|display name}; name of account",
        likely="account title; account nickname",
        possible="portfolio name; name; client name; entity name",
    ),
    "account_type": Names(
        exact="account {type|type code|type name|type description}; type of account",
        likely="{client|customer|} account {class|category|kind}",
        possible="registration type; account registration",
    ),
    "portfolio_id": Names(
        exact="portfolio {number|id|code}",
        likely="portfolio; account portfolio {id|}",
        possible="model {id|code}; strategy {id|code}; group {id|code}",
    ),
    "client_id": Names(
        exact="{client|household|customer|relationship|investor|family} {id|number|code}",
        possible="client; household; relationship; entity id; household name",
    ),
    "as_of_date": Names(
        exact="""
            date; as of; as of date;
            {valuation|position|statement|business|reference|cob|close of business|measurement|snapshot|holding|data} date;
            {reporting|report|} {period|month|} ending date; {reporting|} period ending; period to date date; as at; as at date;
            date as of; valuation as of date; {report|reporting} as of date; performance date; report period ending {date|}
        """,
        likely="""
            {report|reporting|value|effective|through|thru|to|performance ending|month|period|nav} date; month ending; date ending;
            valuation day
        """,
        possible="reporting period; process date; period; price date",
    ),
    "beginning_market_value": Names(
        exact="""
            <SPAN> beginning <SPAN> <VALUE>; <VALUE> {at|} beginning {of|} <SPAN>; beginning of <SPAN> <VALUE>;
            <VALUE> on beginning date
        """,
        likely="""
            beginning; {prior|previous} <SPAN> {ending|} <VALUE>; initial <VALUE>; beginning <VALUE> <ACCRUALS>;
            beginning <VALUE> amount; {prior|previous} <VALUE> <SPAN>
        """,
        possible="<VALUE>",
    ),
    "contributions": Names(
        exact="""
            <WHOSE> {contribution|deposit|addition} {amount|in|received|}; <WHOSE> {cash|asset|} inflow; deposit addition;
            contribution addition; {contribution|addition|deposit} transfer in; cash in; capital in; external flow in;
            contribution deposit; addition contribution; addition deposit; {contribution|deposit|addition} this period;
            cash security deposited; gross {contribution|deposit|addition|inflow|cash inflow|flow in};
            {contribution|deposit|addition|inflow} gross
        """,
        likely="flow in; money in; fund in; subscription; cash {deposit|contribution|addition}; capital added; inception contribution",
        possible="receipt; transfer in; cash received; security received; purchase; money added",
    ),
    "distributions": Names(
        exact="""
            <WHOSE> withdrawal {amount|out|}; <WHOSE> {cash|asset|} outflow; withdrawal distribution; distribution withdrawal;
            cash out; capital out; external flow out; {withdrawal|distribution} transfer out; withdrawal this period;
            cash security withdrawn; gross {withdrawal|distribution|outflow|cash outflow|flow out};
            {withdrawal|distribution|outflow} gross; {capital|client|external} distribution
        """,
        likely="""
            distribution; total distribution; flow out; money out; fund out; redemption; disbursement;
            cash {withdrawal|distribution}; distribution paid; period distribution; distribution amount
        """,
        possible="payment; transfer out; cash disbursed; security delivered; sale",
    ),
    "vendor_net_flow": Names(
        exact="""
            <WHOSE> net {external|capital|client|} {flow|contribution|addition|deposit|contribution withdrawal|addition
            withdrawal|contribution distribution|deposit withdrawal};
            {deposit|contribution|addition} withdrawal {net|}; contribution distribution; net {inflow outflow|external cash flow};
            {inflow outflow}; net new {money|asset}; withdrawal {deposit|contribution|addition}; net flow amount
        """,
        likely="{net|external|total|} cash flow; {external|total|capital|} flow; net additions withdrawals transfers",
        possible="net investment; net transfer; transfer; net amount contributed; cost flow; net capital",
    ),
    "income": Names(
        exact="""
            {total|period|investment|gross|account|portfolio|} income {earned|received|amount|};
            {dividend|income|dividend interest|interest dividend} this period; {total|} dividend {interest|income|received|};
            {total|} {interest dividend|dividend interest} {income|}; income dividend; dividend interest other income;
            income this month; interest dividend received
        """,
        likely="net investment income; realized income; income and interest; {dividend|income} paid",
        possible="net income; interest {income|received|earned|}; coupon; yield amount",
    ),
    "appreciation": Names(
        exact="""
            {capital|market|market value|net|portfolio|investment|price|total|} appreciation {depreciation|};
            realized unrealized gain loss; {net|} appreciation depreciation; unrealized realized gain loss;
            {capital|market} {gain loss} {realized unrealized}
        """,
        likely="""
            market {movement|effect|fluctuation|gain loss}; mark to market;
            change in investment value; investment gain loss; capital gain loss; {realized unrealized|} capital appreciation loss
        """,
        possible="""
            {total|net|unrealized|realized|period|market|investment|} gain {loss|}; {price|market|market value} change;
            change in {market|} value; capital gain;
            unrealized appreciation; change; value change; market return; investment {result|return};
            change in unrealized {gain loss|appreciation}; return amount; unrealized; {total|} earning; market action
        """,
    ),
    "fees": Names(
        exact="""
            {total|management|advisory|investment management|investment advisory|adviser|advisor|manager|asset
            management|account|period|wrap|client|} fee {amount|paid|charged|expense|deducted|};
            management fee expense; fee expense {paid|}; advisory management fee; fee this period
        """,
        likely="{total|} expense {paid|}; fee commission; fee charge; account expense",
        possible="commission; custody fee; charge; performance fee; cost; transaction cost",
    ),
    "other_adjustments": Names(
        exact="{other|} adjustment {amount|}; other {activity|change|adjustment change}; miscellaneous adjustment; adjustment other",
        likely="miscellaneous; other {transaction|movement}",
        possible="""
            other; other flow; transfer; tax; withholding tax; corporate action; fx translation; other fx translation;
            other {income|expense};
            accrual; change in {accrual|accrued income|accrued interest|dividend accrual|interest accrual}; journal
        """,
    ),
    "ending_market_value": Names(
        exact="<SPAN> <END> <SPAN> <VALUE>; <VALUE> {at|} <END> {of|} <SPAN>; <END> of <SPAN> <VALUE>; <VALUE> on <END> date",
        likely="""
            ending; <VALUE>; {current|final|today} <VALUE>; ending <VALUE> <ACCRUALS>; net {liquidation|liquidating} value;
            liquidation value; <VALUE> as of {date|}
        """,
        possible="{prior|previous} <VALUE>; <VALUE> <ACCRUALS>",
    ),
    "vendor_twrr": Names(
        exact="""
            <SPAN> {gross|net|} {twr|time weighted return|time weighted rate of return|time weighted|twr return} {gross|net|gross of
            fee|net of fee|return|};
            <SPAN> {gross|net} {return|performance|rate of return}; <SPAN> {return|performance} {gross|net|gross of fee|net of fee};
            <SPAN> {gross of fee|net of fee} {return|performance|twr|time weighted return};
            {period|sub period|account|portfolio} {return|performance|rate of return}
        """,
        likely="""
            <SPAN> {return|performance|rate of return|total return}; modified dietz {return|}; {total return} {gross|net};
            true time weighted return; account total return; portfolio total return
        """,
        possible="mtd {return|twr|performance} {gross|net|}; {gross|net} mtd {return|twr}; return {this|} month; total; linked return",
    ),
    "benchmark_return": Names(
        exact="""
            {primary|account|portfolio|} {benchmark|index} {period|daily|monthly|total|}
            {return|twr|performance|rate of return};
            {return|performance|twr} {benchmark|index}; return of benchmark
        """,
        likely="{blended|policy|custom} {benchmark|index} {period|daily|monthly|total|} {return|twr|performance|rate of return}",
        possible="benchmark; index; benchmark {1|mtd|mtd return}",
    ),
    "currency": Names(
        exact="""
            {account|base|reporting|report|portfolio|valuation|performance|reference|account base|} currency
            {code|iso|}; currency iso code;
            iso currency {code|}; currency primary
        """,
        possible="local currency {code|}; trade currency",
    ),
}
