-- depends: 0010_breaks_of_what_was_published
-- Where an account's performance and its periods start, and whether valuations are missing under them. Null in rows that were published before.

ALTER TABLE performance_data
    ADD COLUMN IF NOT EXISTS performance_start_date date,
    ADD COLUMN IF NOT EXISTS starts_within_window boolean,
    ADD COLUMN IF NOT EXISTS windows_missing bigint,
    ADD COLUMN IF NOT EXISTS linked_over_missing boolean,
    ADD COLUMN IF NOT EXISTS twrr_mtd_from date,
    ADD COLUMN IF NOT EXISTS twrr_qtd_from date,
    ADD COLUMN IF NOT EXISTS twrr_ytd_from date,
    ADD COLUMN IF NOT EXISTS twrr_mtd_over_missing boolean,
    ADD COLUMN IF NOT EXISTS twrr_qtd_over_missing boolean,
    ADD COLUMN IF NOT EXISTS twrr_ytd_over_missing boolean,
    ADD COLUMN IF NOT EXISTS twrr_1y_over_missing boolean,
    ADD COLUMN IF NOT EXISTS twrr_3y_over_missing boolean,
    ADD COLUMN IF NOT EXISTS twrr_5y_over_missing boolean;

ALTER TABLE performance_data_history
    ADD COLUMN IF NOT EXISTS performance_start_date date,
    ADD COLUMN IF NOT EXISTS starts_within_window boolean,
    ADD COLUMN IF NOT EXISTS windows_missing bigint,
    ADD COLUMN IF NOT EXISTS linked_over_missing boolean,
    ADD COLUMN IF NOT EXISTS twrr_mtd_from date,
    ADD COLUMN IF NOT EXISTS twrr_qtd_from date,
    ADD COLUMN IF NOT EXISTS twrr_ytd_from date,
    ADD COLUMN IF NOT EXISTS twrr_mtd_over_missing boolean,
    ADD COLUMN IF NOT EXISTS twrr_qtd_over_missing boolean,
    ADD COLUMN IF NOT EXISTS twrr_ytd_over_missing boolean,
    ADD COLUMN IF NOT EXISTS twrr_1y_over_missing boolean,
    ADD COLUMN IF NOT EXISTS twrr_3y_over_missing boolean,
    ADD COLUMN IF NOT EXISTS twrr_5y_over_missing boolean;
