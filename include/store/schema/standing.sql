-- Where each need stands, for lists of needs.

-- Of each need at its newest revision: its outcome, as the gate or a person decided; and its stage (阶段): withdrawn, its furthest
-- case once a push has arrived, unmet if every institution declined or closed without an approval; before the push, the outcome.
create view need_stage with (security_invoker = true) as
select need.*, coalesce(decided.outcome, 'unjudged') as outcome,
       case
           when exists (select from withdrawal_notice notice where notice.need_id = need.need_id) then 'withdrawn'
           when exists (
               select from delivery push
               where push.need_id = need.need_id and push.action = 'push' and push.state = 'delivered'
           ) then coalesce((
               select case
                          when bool_and(matched.state in ('declined', 'closed'))
                               and not bool_or(matched.furthest_state in ('credit_approved', 'contracted', 'drawn', 'post_loan'))
                          then 'unmet'
                          else (array['pushed', 'received', 'contacted', 'visited', 'accepted', 'credit_approved',
                                      'contracted', 'drawn', 'post_loan'])[max(array_position(
                                array['pushed', 'received', 'contacted', 'visited', 'accepted', 'credit_approved',
                                      'contracted', 'drawn', 'post_loan'], matched.furthest_state))]
                      end
               from matching_case matched where matched.need_id = need.need_id
           ), 'pushed')
           else coalesce(decided.outcome, 'unjudged')
       end as stage
from newest_need need
left join lateral (
    select outcome_of(hold.state, judged.verdict) as outcome
    from judgement judged
    left join lateral (
        select held.state from quarantine held join judgement own using (judgement_id)
        where held.need_id = need.need_id and held.revision = need.revision and own.payload_sha256 = need.item_hash
        order by held.quarantine_id desc limit 1
    ) hold on true
    where judged.payload_sha256 = need.item_hash
    order by judged.judgement_id desc limit 1
) decided on true;

-- The oldest limit of each need that is overdue on a day: of cases that are neither paused nor over, of needs not withdrawn.
create function overdue_needs(today date)
returns table (need_id text, due_on date, provisional boolean, institutions text[]) language sql stable as $$
    select clock.need_id, min(clock.due_on), bool_or(clock.provisional),
           array_agg(distinct clock.institution_code order by clock.institution_code)
    from case_clock clock join matching_case matched using (need_id, institution_code)
    where clock.stopped_on is null and not clock.paused and clock.due_on < today
      and not matched.paused and matched.state not in ('declined', 'closed')
      and not exists (select from withdrawal_notice notice where notice.need_id = clock.need_id)
    group by clock.need_id
$$;
