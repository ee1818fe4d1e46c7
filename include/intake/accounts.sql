-- The account of each department whose listing was read in an intake.
with newest as (
    select need_id, max(revision) as revision from need_version where intake_id <= :intake_id group by need_id
), judged as (
    select distinct on (payload_sha256) payload_sha256, verdict from judgement
    order by payload_sha256, judgement_id desc
), other_content as (
    -- a revision listed with two contents (DQ43) is one record; its outcome is that of the content stored first
    select item.department_code, item.ordinal
    from intake_item item
    join need_version version using (need_id, revision)
    where item.intake_id = :intake_id and item.item_hash <> version.item_hash and exists (
        select from intake_item first
        where first.intake_id = :intake_id and first.department_code = item.department_code
          and first.item_hash = version.item_hash
    )
), outcome as (
    select item.department_code,
           case when not item.readable then 'unreadable'
                when item.revision < newest.revision then 'superseded'
                else judged.verdict end as outcome
    from intake_item item
    left join newest on newest.need_id = item.need_id
    left join judged on judged.payload_sha256 = item.item_hash
    where item.intake_id = :intake_id and (item.department_code, item.ordinal) not in (select * from other_content)
)
select listing.department_code,
       listing.read_items - (
           select count(*) from other_content where other_content.department_code = listing.department_code
       ) as listed,
       count(*) filter (where outcome = 'passed') as passed,
       count(*) filter (where outcome = 'held') as held,
       count(*) filter (where outcome = 'returned') as returned,
       count(*) filter (where outcome = 'superseded') as superseded,
       count(*) filter (where outcome = 'unreadable') as unreadable,
       manifest_entry.recommended, listing.missed
from listing
left join outcome using (department_code)
left join manifest_entry using (intake_id, department_code)
where listing.intake_id = :intake_id
group by listing.department_code, listing.read_items, listing.missed, manifest_entry.recommended
order by listing.department_code
