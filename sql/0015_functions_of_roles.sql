-- depends: 0014_roles
-- What the writer and the desk may have done for them with the owner's rights stands in functions/, which are applied after these files.

SELECT 1;
