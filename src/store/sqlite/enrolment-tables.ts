// Addresses at third parties in SQLite: who proved which, the codes that were mailed, and what the third parties publish.

import type { DatabaseSync } from "node:sqlite";
import type { Enrolment, EnrolmentStore, ThirdParty } from "../store.ts";
import { all, one, spanOf } from "./rows.ts";

interface EnrolmentRow {
  readonly address: string;
  readonly valid_until: number | null;
  readonly code_hash: string | null;
  readonly code_expires: number | null;
  readonly code_tries: number;
}

export function createEnrolmentTables(database: DatabaseSync, transaction: <T>(work: () => T) => T): EnrolmentStore {
  const sql = {
    enrolments: database.prepare("SELECT * FROM enrolment WHERE account = ? ORDER BY address"),
    enrolment: database.prepare("SELECT * FROM enrolment WHERE account = ? AND address = ?"),
    putCode: database.prepare(
      "INSERT INTO enrolment (account, address, domain, code_hash, code_expires) SELECT key, ?2, ?3, ?4, ?5 FROM account WHERE key = ?1 " +
        "ON CONFLICT (account, address) DO UPDATE SET code_hash = excluded.code_hash, code_expires = excluded.code_expires, code_tries = 0",
    ),
    tryCode: database.prepare(
      "UPDATE enrolment SET code_tries = code_tries + 1 WHERE account = ? AND address = ? AND code_hash IS NOT NULL",
    ),
    confirm: database.prepare(
      "UPDATE enrolment SET valid_until = ?4, code_hash = NULL, code_expires = NULL, code_tries = 0 " +
        "WHERE account = ?1 AND address = ?2 AND code_hash = ?3",
    ),
    remove: database.prepare("DELETE FROM enrolment WHERE account = ? AND address = ?"),
    ending: database.prepare(
      "SELECT account, address, valid_until FROM enrolment WHERE valid_until > ?1 AND valid_until <= ?2 " +
        "AND reminded_for IS NOT valid_until ORDER BY valid_until, account, address LIMIT 1000",
    ),
    reminded: database.prepare("UPDATE enrolment SET reminded_for = ?3 WHERE account = ?1 AND address = ?2"),
    domains: database.prepare("SELECT DISTINCT domain FROM enrolment ORDER BY domain"),
    purge: database.prepare("DELETE FROM enrolment WHERE valid_until IS NULL AND code_expires <= ?"),
    purgeParties: database.prepare("DELETE FROM third_party WHERE domain NOT IN (SELECT domain FROM enrolment)"),
    codesOf: database.prepare("SELECT at FROM enrolment_code WHERE account = ? AND at > ? ORDER BY at"),
    codesTo: database.prepare("SELECT at FROM enrolment_code WHERE address = ? AND at > ? ORDER BY at"),
    addCode: database.prepare("INSERT INTO enrolment_code VALUES (?, ?, ?)"),
    purgeCodes: database.prepare("DELETE FROM enrolment_code WHERE at <= ?"),
    codeSpan: database.prepare(
      "SELECT count(*) AS items, min(at) AS oldest, count(*) FILTER (WHERE at <= ?) AS expired FROM enrolment_code",
    ),
    thirdParty: database.prepare("SELECT reading FROM third_party WHERE domain = ?"),
    putThirdParty: database.prepare(
      "INSERT INTO third_party VALUES (?, ?) ON CONFLICT (domain) DO UPDATE SET reading = excluded.reading",
    ),
  };

  return {
    enrolments: (account) => all<EnrolmentRow>(sql.enrolments, account).map(toEnrolment),
    findEnrolment: (account, address) => {
      const row = one<EnrolmentRow>(sql.enrolment, account, address);
      return row === undefined ? undefined : toEnrolment(row);
    },
    takeCode: (account, address, at, windows) =>
      transaction(() => {
        let free = at;
        for (const { length, limit } of windows) {
          for (const [statement, key] of [
            [sql.codesOf, account],
            [sql.codesTo, address],
          ] as const) {
            const times = all<{ at: number }>(statement, key, at - length);
            const first = times[times.length - limit];
            if (first !== undefined) free = Math.max(free, first.at + length);
          }
        }
        if (free > at) return free;
        sql.addCode.run(account, address, at);
        return undefined;
      }),
    putCode: (account, address, { hash, expires }) =>
      sql.putCode.run(account, address, address.slice(address.lastIndexOf("@") + 1), hash, expires).changes > 0,
    tryCode: (account, address) =>
      transaction(() => {
        if (sql.tryCode.run(account, address).changes === 0) return undefined;
        return toEnrolment(one<EnrolmentRow>(sql.enrolment, account, address)!);
      }),
    confirmEnrolment: (account, address, hash, validUntil) =>
      sql.confirm.run(account, address, hash, validUntil).changes > 0,
    removeEnrolment: (account, address) => sql.remove.run(account, address).changes > 0,
    endingEnrolments: (after, before) =>
      all<{ account: string; address: string; valid_until: number }>(sql.ending, after, before).map(
        ({ account, address, valid_until: validUntil }) => ({ account, address, validUntil }),
      ),
    noteReminded: (account, address, validUntil) => void sql.reminded.run(account, address, validUntil),
    enrolledDomains: () => all<{ domain: string }>(sql.domains).map(({ domain }) => domain),
    purgeEnrolments: (now) => {
      transaction(() => {
        sql.purge.run(now);
        sql.purgeParties.run();
      });
    },
    purgeCodes: (before) => void sql.purgeCodes.run(before),
    codeSpan: (before) => spanOf(sql.codeSpan, before),
    thirdParty: (domain) => {
      const row = one<{ reading: string }>(sql.thirdParty, domain);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by putThirdParty
      return row === undefined ? undefined : (JSON.parse(row.reading) as ThirdParty);
    },
    putThirdParty: (party) => void sql.putThirdParty.run(party.domain, JSON.stringify(party)),
  };
}

function toEnrolment(row: EnrolmentRow): Enrolment {
  return {
    address: row.address,
    ...(row.valid_until === null ? {} : { validUntil: row.valid_until }),
    ...(row.code_hash === null || row.code_expires === null
      ? {}
      : { code: { hash: row.code_hash, expires: row.code_expires, tries: row.code_tries } }),
  };
}
