// Notices to customers in SQLite: what is to be told, and what was.

import type { DatabaseSync } from "node:sqlite";
import type { AbuseNews, AbuseNotice, NoticeStore } from "../store.ts";
import { all, one, spanOf } from "./rows.ts";

interface NoticeRow {
  readonly id: number;
  readonly account: string;
  readonly recipient: AbuseNotice["to"];
  readonly at: number;
  readonly news: string;
}

/** `add`: inside a transaction of the caller's. */
export function createNoticeTable(database: DatabaseSync): {
  readonly store: NoticeStore;
  readonly add: (notice: AbuseNotice) => void;
} {
  const sql = {
    add: database.prepare("INSERT INTO abuse_notice (account, recipient, at, news) VALUES (?, ?, ?, ?)"),
    pending: database.prepare(
      "SELECT id, account, recipient, at, news FROM abuse_notice WHERE told_at IS NULL ORDER BY id LIMIT ?",
    ),
    told: database.prepare("UPDATE abuse_notice SET told_at = ?2 WHERE id = ?1 AND told_at IS NULL"),
    untold: database.prepare("UPDATE abuse_notice SET told_at = NULL WHERE id = ?"),
    drop: database.prepare("DELETE FROM abuse_notice WHERE id = ?"),
    toldSince: database.prepare(
      "SELECT count(*) AS count FROM abuse_notice WHERE account = ? AND recipient = ? AND told_at > ?",
    ),
    purge: database.prepare("DELETE FROM abuse_notice WHERE at <= ?"),
    span: database.prepare(
      "SELECT count(*) AS items, min(at) AS oldest, count(*) FILTER (WHERE at <= ?) AS expired FROM abuse_notice",
    ),
  };

  return {
    add: ({ account, to, at, news }) => void sql.add.run(account, to, at, JSON.stringify(news)),
    store: {
      pendingNotices: (limit) =>
        all<NoticeRow>(sql.pending, limit).map(({ id, account, recipient, at, news }) => ({
          id,
          account,
          to: recipient,
          at,
          // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by add
          news: JSON.parse(news) as AbuseNews,
        })),
      noteTold: (id, at) => sql.told.run(id, at).changes > 0,
      noteUntold: (id) => void sql.untold.run(id),
      dropNotice: (id) => void sql.drop.run(id),
      toldSince: (account, to, time) => one<{ count: number }>(sql.toldSince, account, to, time)?.count ?? 0,
      purgeNotices: (before) => void sql.purge.run(before),
      noticeSpan: (before) => spanOf(sql.span, before),
    },
  };
}
