"""For auditors (审计人员): `python -m include.audit verify` checks the chain, `head` shows its end, `accept` accepts old
history.

Needs the environment of the pipeline (AIRFLOW_CONN_BUSINESS_DB, GFF_REPORTS_DIR). Heads from the file beside the
reports are compared automatically; a head from a mail is given as `--head 123:hash`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa

from include.audit.chain import Head, accept, head, verify
from include.audit.heads import HandedOut, handed_out
from include.base.act import Act
from include.base.errors import UserFacingError
from include.base.settings import Settings
from include.store.database import open_database
from include.store.grants import DatabaseRole


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0: the chain is unbroken, 1: it is broken, 2: it could not be read."""
    parser = argparse.ArgumentParser(prog="python -m include.audit", description="核查审计链。")
    commands = parser.add_subparsers(dest="command", required=True)
    heads = argparse.ArgumentParser(add_help=False)
    heads.add_argument(
        "--head", action="append", default=[], metavar="条数:哈希", help="运维提示邮件中的审计首部，可多次给出"
    )
    commands.add_parser("verify", parents=[heads], help="从第一条起逐条核对封印，并与库外留存的首部比对")
    commands.add_parser("head", help="显示当前首部")
    accepting = commands.add_parser("accept", parents=[heads], help="确认接受启用密钥前的记录，或恢复备份后缺失的尾部")
    accepting.add_argument("--actor", required=True, help="确认人")
    accepting.add_argument("--reason", required=True, help="理由，将记入审计")
    given = parser.parse_args(arguments)
    try:
        settings = Settings.from_environment()
        kept = handed_out(settings.reports_dir) if settings.reports_dir else HandedOut((), ())
        known = [*kept.heads, *map(Head.parse, getattr(given, "head", ()))]
        engine = open_database(settings, DatabaseRole.AUDITOR)
        try:
            if given.command == "accept":
                return _accept(engine, given.actor, given.reason, known)
            with engine.connect() as connection:
                return _verify(connection, known, kept) if given.command == "verify" else _head(connection)
        finally:
            engine.dispose()
    except UserFacingError as error:
        print(error, file=sys.stderr)
        return 2


def _verify(connection: sa.Connection, known: Sequence[Head], kept: HandedOut) -> int:
    broken = verify(connection, known)
    if kept.unreadable:
        print(f"库外留存的首部文件第{'、'.join(map(str, kept.unreadable))}行无法识别，请与邮件中的首部核对。")
    if broken is not None:
        print(f"审计链从第{broken.entry_id}条记录起不再连续：{broken.problem}。请保持数据库现状，不要修改。")
    if broken is not None or kept.unreadable:
        return 1
    found = head(connection)
    print(f"审计链完整：共{found.count}条记录，封印全部相符；与{len(set(known))}个库外留存的首部一致。")
    print(f"当前首部：{found}")
    if not known:
        print("没有可比对的库外首部：尾部是否被截去无从得知，请用 --head 给出邮件中的首部。")
    return 0


def _head(connection: sa.Connection) -> int:
    print(head(connection))
    return 0


def _accept(engine: sa.Engine, actor: str, reason: str, known: Sequence[Head]) -> int:
    with engine.begin() as connection:
        accepted = accept(
            connection, act=Act(actor_id=actor, role="auditor", reason=reason, at=datetime.now(UTC)), heads=known
        )
    print("\n".join(f"已确认接受：{one}" for one in accepted) or "没有需要确认接受的内容。")
    return 0


if __name__ == "__main__":
    sys.exit(main())
