-- depends: 0037_accounts_of_the_documents
-- Who did what, when and from where, and what it changed: for every sign-off, comment, assignment and resolved alert in the transaction that
-- makes it, and for replays and tokens. Only functions with the owner's rights add to it, and nobody else changes it.

CREATE TABLE IF NOT EXISTS audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    principal text NOT NULL,
    role text,
    action text NOT NULL,
    subject text NOT NULL,
    origin text NOT NULL,
    address text,
    request_id text,
    before jsonb,
    after jsonb,
    CONSTRAINT audit_log_principal CHECK (btrim(principal) <> ''),
    CONSTRAINT audit_log_action CHECK (
        action IN ('SIGNED_OFF', 'COMMENTED', 'ASSIGNED', 'RESOLVED', 'REPLAYED', 'TOKEN_MADE', 'TOKEN_REVOKED')
    ),
    CONSTRAINT audit_log_origin CHECK (origin IN ('api', 'cli', 'replay', 'sql'))
);

CREATE INDEX IF NOT EXISTS audit_log_principal_id ON audit_log (principal, id);

CREATE INDEX IF NOT EXISTS audit_log_at ON audit_log (at);

COMMENT ON TABLE audit_log IS 'who did what, when and from where, and what it changed; only ever added to';
COMMENT ON COLUMN audit_log.role IS 'of a caller of the API: reader, analyst or operator; null of others';
COMMENT ON COLUMN audit_log.origin IS 'api, cli, replay, or sql where a statement did not say';

REVOKE INSERT, UPDATE, DELETE ON audit_log FROM advisory_perf_writer;

CREATE OR REPLACE TRIGGER note_insert AFTER INSERT ON audit_log
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_change('rows');

-- Their results have a column more, and they take what amount is expected.
DROP FUNCTION IF EXISTS sign_off_breaks(text[], text, text);

DROP FUNCTION IF EXISTS sign_off_break(text, text, text);
