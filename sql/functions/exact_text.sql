-- The digits of a figure, at least four behind the point, as the API has them.
CREATE OR REPLACE FUNCTION exact_text(figure numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN scale(trim_scale(figure)) < 4 THEN round(figure, 4) ELSE trim_scale(figure) END::text;

COMMENT ON FUNCTION exact_text IS 'a figure as text, with all digits that say something and at least four behind the point';

REVOKE ALL ON FUNCTION exact_text(numeric) FROM PUBLIC;
