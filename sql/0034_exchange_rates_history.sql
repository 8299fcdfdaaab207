-- depends: 0032_exchange_rates
-- Rates as they were before a delivery restated or withdrew them; and the rates that returns in the reporting currency were made with, so that
-- a restated rate changes the rows that it belongs to and no others.

-- Columns, types and order of exchange_rates, without its key, checks and defaults: what was true stays as it was.
CREATE TABLE IF NOT EXISTS exchange_rates_history (
    LIKE exchange_rates,
    superseded_at timestamptz NOT NULL DEFAULT now(),
    superseded_by_delivery_id text
);

CREATE INDEX IF NOT EXISTS exchange_rates_history_key
    ON exchange_rates_history (data_source, base_currency, quote_currency, as_of_date, superseded_at);

CREATE INDEX IF NOT EXISTS exchange_rates_history_delivery ON exchange_rates_history (delivery_id);

CREATE INDEX IF NOT EXISTS exchange_rates_history_superseded_by ON exchange_rates_history (superseded_by_delivery_id);

COMMENT ON TABLE exchange_rates_history IS 'rows of exchange_rates as they were before a restatement';

COMMENT ON COLUMN exchange_rates_history.superseded_by_delivery_id IS 'the delivery whose rate took its place; null where none did';

ALTER TABLE currency_returns
    ADD COLUMN IF NOT EXISTS beginning_rate_date date,
    ADD COLUMN IF NOT EXISTS beginning_rate numeric(20, 10),
    ADD COLUMN IF NOT EXISTS ending_rate numeric(20, 10);

COMMENT ON COLUMN currency_returns.beginning_rate_date IS 'the account''s valuation before, at whose rate the beginning value is converted';
