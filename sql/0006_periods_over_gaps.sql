-- depends: 0005_reporting
-- Which of a row's period returns were linked over an undefined one, and where trailing ones start from. Net returns do not ask for fees, and on a funding day the
-- timing that has its inflow at the start already keeps its outflow at the end.

ALTER TABLE performance_data
    ADD COLUMN IF NOT EXISTS twrr_mtd_over_gap boolean,
    ADD COLUMN IF NOT EXISTS twrr_qtd_over_gap boolean,
    ADD COLUMN IF NOT EXISTS twrr_ytd_over_gap boolean,
    ADD COLUMN IF NOT EXISTS twrr_1y_over_gap boolean,
    ADD COLUMN IF NOT EXISTS twrr_3y_over_gap boolean,
    ADD COLUMN IF NOT EXISTS twrr_5y_over_gap boolean,
    ADD COLUMN IF NOT EXISTS twrr_1y_from date,
    ADD COLUMN IF NOT EXISTS twrr_3y_from date,
    ADD COLUMN IF NOT EXISTS twrr_5y_from date;

ALTER TABLE performance_data_history
    ADD COLUMN IF NOT EXISTS twrr_mtd_over_gap boolean,
    ADD COLUMN IF NOT EXISTS twrr_qtd_over_gap boolean,
    ADD COLUMN IF NOT EXISTS twrr_ytd_over_gap boolean,
    ADD COLUMN IF NOT EXISTS twrr_1y_over_gap boolean,
    ADD COLUMN IF NOT EXISTS twrr_3y_over_gap boolean,
    ADD COLUMN IF NOT EXISTS twrr_5y_over_gap boolean,
    ADD COLUMN IF NOT EXISTS twrr_1y_from date,
    ADD COLUMN IF NOT EXISTS twrr_3y_from date,
    ADD COLUMN IF NOT EXISTS twrr_5y_from date;
