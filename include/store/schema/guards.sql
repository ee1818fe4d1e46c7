-- Functions that policies, triggers and roles use.

-- Whether the department is one of those that a confined user's session names (include/store/confinement.py).
create function within_departments(code text) returns boolean language sql stable parallel safe as $$
    select code = any (string_to_array(current_setting('gff.departments', true), ','))
$$;

-- ANALYZE is for the owner of a table; the pipeline may ask him for it.
create function analyze_fingerprints() returns void language sql security definer
set search_path = pg_catalog, public as 'analyze public.need_fingerprint';

-- What the triggers of include/store/history.py call.
create function refuse_change_of_history() returns trigger language plpgsql as $$
begin
    raise exception 'table % is only added to', tg_table_name using errcode = 'restrict_violation';
end
$$;
