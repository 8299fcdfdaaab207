-- depends: 0035_data_versions
-- What changed since an instant is paged in the order in which it did; an account is asked for without its vendor.

CREATE INDEX IF NOT EXISTS performance_data_history_superseded
    ON performance_data_history (superseded_at, data_source, account_id, as_of_date);

CREATE INDEX IF NOT EXISTS accounts_account ON accounts (account_id);
