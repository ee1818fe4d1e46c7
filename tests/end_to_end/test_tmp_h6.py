from tests.end_to_end.test_quarter import CUT_OFF, _step, stack
import sqlalchemy as sa, os
def test_it(stack):
    clock = stack.sandbox
    res = stack.run([_step("quarterly_intake", CUT_OFF, quarter="2026Q3", departments=["330000","320000"]),
      _step("rejudge", CUT_OFF, quarter="2026Q3", departments=["330000","320000"]),
      _step("quarterly_intake", CUT_OFF, quarter="2026Q3", departments=["340000"], dry_run=True)])
    for r in res: print(r)
    e = sa.create_engine(stack.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("postgresql://","postgresql+psycopg://"))
    with e.connect() as c:
        for row in c.execute(sa.text("select dag_id, map_index, value from xcom where key like '_link%' or (dag_id='rejudge')")): print(row)
    with stack.business.connect() as c:
        for row in c.execute(sa.text("select kind, quarter, length(html) from report")): print(row)
    for d,_,f in os.walk(stack.folder/"reports"): print(d,f)
    assert 0
