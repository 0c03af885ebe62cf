// The store on node:sqlite: WAL, synchronous=FULL, so that what was answered is on disk. Synchronous: it lives in the
// state thread, where a slow commit delays no mail.

import { randomBytes } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import type { StatementSync } from "node:sqlite";
import type {
  Account,
  AccountRaise,
  AccountRestraint,
  AppPassword,
  Charge,
  LoginScope,
  NewCharge,
  SenderGrant,
  Store,
} from "../store.ts";
import { createEnrolmentTables } from "./enrolment-tables.ts";
import { createNoticeTable } from "./notice-table.ts";
import { createTryTable } from "./try-table.ts";
import { takenIn } from "../taken.ts";
import { createQueueTables } from "./queue-tables.ts";
import { all, one, spanOf } from "./rows.ts";
import { migrate } from "./schema.ts";
import { inTransaction } from "./transaction.ts";

const DAY = 86_400_000;
/** How long another program may have the file, ms. */
const BUSY = 5000;
/** The note that the file has parts to be overwritten. */
const TO_BE_SCRUBBED = "to-be-scrubbed";

interface AccountRow {
  readonly key: string;
  readonly address: string;
  readonly password_hash: string;
  readonly created_at: number;
  readonly suspended: number;
  readonly scram: string | null;
  readonly cram: string | null;
  readonly quota: number | null;
  readonly plan: string | null;
  readonly raise: string | null;
  readonly contact: string | null;
  readonly senders: string | null;
  readonly restraint: string | null;
}

interface AppPasswordRow {
  readonly name: string;
  readonly scopes: string;
  readonly hash: string;
  readonly created_at: number;
  readonly used_at: number | null;
  readonly used_by: string | null;
}

export interface SqliteStore extends Store {
  close(): void;
}

/** Opens or creates the file. Throws when it cannot be opened, is damaged, or is from a newer program. */
export function openSqliteStore(file: string): SqliteStore {
  const database = new DatabaseSync(file, { timeout: BUSY });
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
  migrate(database);

  const sql = {
    account: database.prepare("SELECT * FROM account WHERE key = ?"),
    accountByAlias: database.prepare(
      "SELECT account.* FROM account_alias JOIN account ON account.key = account_alias.account WHERE alias = ?",
    ),
    aliases: database.prepare("SELECT alias FROM account_alias WHERE account = ? ORDER BY alias"),
    accounts: database.prepare("SELECT * FROM account WHERE key > ? ORDER BY key LIMIT ?"),
    countAccounts: database.prepare("SELECT count(*) AS count FROM account"),
    addAccount: database.prepare(
      "INSERT INTO account (key, address, password_hash, created_at, suspended, scram, cram, quota, plan, raise, senders) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ),
    addAlias: database.prepare("INSERT INTO account_alias VALUES (?, ?)"),
    setPassword: database.prepare("UPDATE account SET password_hash = ?, scram = ?, cram = ? WHERE key = ?"),
    countCram: database.prepare("SELECT count(*) AS count FROM account WHERE cram IS NOT NULL"),
    namesWithCram: database.prepare(
      "SELECT key AS name FROM account WHERE cram IS NOT NULL UNION " +
        "SELECT alias FROM account_alias JOIN account ON account.key = account_alias.account WHERE cram IS NOT NULL ORDER BY name",
    ),
    dropCram: database.prepare("UPDATE account SET cram = NULL WHERE cram IS NOT NULL"),
    completeScram: database.prepare(
      "UPDATE account SET scram = ? WHERE key = ? AND password_hash = ? AND scram IS NULL",
    ),
    replacePassword: database.prepare(
      "UPDATE account SET password_hash = ?, scram = ? WHERE key = ? AND password_hash = ?",
    ),
    setSuspended: database.prepare("UPDATE account SET suspended = ? WHERE key = ?"),
    setQuota: database.prepare("UPDATE account SET quota = ? WHERE key = ?"),
    setPlan: database.prepare("UPDATE account SET plan = ? WHERE key = ?"),
    setRaise: database.prepare("UPDATE account SET raise = ? WHERE key = ?"),
    setContact: database.prepare("UPDATE account SET contact = ? WHERE key = ?"),
    setRestraint: database.prepare("UPDATE account SET restraint = ? WHERE key = ?"),
    suspended: database.prepare(
      "SELECT key FROM account WHERE suspended = 1 OR json_extract(restraint, '$.step') = 'suspend' ORDER BY key",
    ),
    restrained: database.prepare("SELECT key FROM account WHERE restraint IS NOT NULL ORDER BY key"),
    purgeRestraints: database.prepare(
      "UPDATE account SET restraint = NULL WHERE restraint IS NOT NULL AND json_extract(restraint, '$.until') <= ?",
    ),
    restraintSpan: database.prepare(
      "SELECT count(*) AS items, min(json_extract(restraint, '$.since')) AS oldest, " +
        "count(*) FILTER (WHERE json_extract(restraint, '$.until') <= ?) AS expired FROM account WHERE restraint IS NOT NULL",
    ),
    setSenders: database.prepare("UPDATE account SET senders = ? WHERE key = ?"),
    appPasswords: database.prepare("SELECT * FROM app_password WHERE account = ? ORDER BY name"),
    addAppPassword: database.prepare(
      "INSERT INTO app_password (account, name, scopes, hash, created_at) " +
        "SELECT key, ?, ?, ?, ? FROM account WHERE key = ? ON CONFLICT (account, name) DO NOTHING",
    ),
    removeAppPassword: database.prepare("DELETE FROM app_password WHERE account = ? AND name = ?"),
    useAppPassword: database.prepare("UPDATE app_password SET used_at = ?, used_by = ? WHERE account = ? AND name = ?"),
    origins: database.prepare("SELECT origin, day FROM login_origin WHERE account = ? ORDER BY origin"),
    noteOrigin: database.prepare(
      "INSERT INTO login_origin (account, origin, day) SELECT key, ?2, ?3 FROM account WHERE key = ?1 " +
        "ON CONFLICT (account, origin) DO UPDATE SET day = max(day, excluded.day)",
    ),
    dropOrigins: database.prepare(
      "DELETE FROM login_origin WHERE account = ?1 AND origin NOT IN " +
        "(SELECT origin FROM login_origin WHERE account = ?1 ORDER BY day DESC, origin LIMIT 50)",
    ),
    purgeOrigins: database.prepare("DELETE FROM login_origin WHERE day <= ?"),
    originSpan: database.prepare(
      "SELECT count(*) AS items, min(day) AS oldest, count(*) FILTER (WHERE day <= ?) AS expired FROM login_origin",
    ),
    removeAlias: database.prepare("DELETE FROM account_alias WHERE alias = ? AND account = ?"),
    deleteAccount: database.prepare("DELETE FROM account WHERE key = ?"),
    addCharge: database.prepare(
      "INSERT INTO charge (account, at, recipients, new_recipients, octets) VALUES (?, ?, ?, ?, ?)",
    ),
    profile: database.prepare("SELECT profile FROM abuse_profile WHERE account = ?"),
    saveProfile: database.prepare(
      "INSERT INTO abuse_profile (account, day, profile, suspect) VALUES (?, ?, ?, ?) ON CONFLICT (account) DO UPDATE SET " +
        "day = excluded.day, profile = excluded.profile, suspect = excluded.suspect",
    ),
    suspects: database.prepare("SELECT account FROM abuse_profile WHERE suspect = 1 ORDER BY account"),
    purgeProfiles: database.prepare("DELETE FROM abuse_profile WHERE day <= ?"),
    profileSpan: database.prepare(
      "SELECT count(*) AS items, min(day) AS oldest, count(*) FILTER (WHERE day <= ?) AS expired FROM abuse_profile",
    ),
    addCorrespondent: database.prepare("INSERT INTO correspondent VALUES (?, ?, ?) ON CONFLICT DO NOTHING"),
    seeCorrespondent: database.prepare(
      "UPDATE correspondent SET day = ?3 WHERE account = ?1 AND fingerprint = ?2 AND day < ?3",
    ),
    correspondent: database.prepare("SELECT day FROM correspondent WHERE account = ? AND fingerprint = ?"),
    purgeCorrespondents: database.prepare("DELETE FROM correspondent WHERE day <= ?"),
    correspondentSpan: database.prepare(
      "SELECT count(*) AS items, min(day) AS oldest, count(*) FILTER (WHERE day <= ?) AS expired FROM correspondent",
    ),
    charges: database.prepare(
      "SELECT account, at, recipients, new_recipients AS newRecipients, octets FROM charge WHERE at > ? ORDER BY at",
    ),
    purgeCharges: database.prepare("DELETE FROM charge WHERE at <= ?"),
    chargeSpan: database.prepare(
      "SELECT count(*) AS items, min(at) AS oldest, count(*) FILTER (WHERE at <= ?) AS expired FROM charge",
    ),
    throughs: database.prepare("SELECT name, value FROM note WHERE name GLOB 'charges-through*'"),
    note: database.prepare("SELECT value FROM note WHERE name = ?"),
    removeNote: database.prepare("DELETE FROM note WHERE name = ?"),
    checkpoint: database.prepare("PRAGMA wal_checkpoint(TRUNCATE)"),
    addNote: database.prepare("INSERT INTO note VALUES (?, ?) ON CONFLICT (name) DO NOTHING"),
    setNote: database.prepare("INSERT INTO note VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"),
  } satisfies Record<string, StatementSync>;

  const transaction = <T>(work: () => T): T => inTransaction(database, work);
  const notices = createNoticeTable(database);

  function toAccount(row: AccountRow | undefined): Account | undefined {
    if (row === undefined) return undefined;
    const appPasswords = all<AppPasswordRow>(sql.appPasswords, row.key).map(toAppPassword);
    const aliases = all<{ alias: string }>(sql.aliases, row.key).map(({ alias }) => alias);
    return {
      key: row.key,
      address: row.address,
      passwordHash: row.password_hash,
      aliases,
      createdAt: row.created_at,
      suspended: row.suspended !== 0,
      ...(row.scram === null ? {} : { scram: row.scram }),
      ...(row.cram === null ? {} : { cram: row.cram }),
      ...(row.quota === null ? {} : { quota: row.quota }),
      ...(row.plan === null ? {} : { plan: row.plan }),
      ...(row.contact === null ? {} : { contact: row.contact }),
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by setRaise
      ...(row.raise === null ? {} : { raise: JSON.parse(row.raise) as AccountRaise }),
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by setSenders
      ...(row.senders === null ? {} : { senders: JSON.parse(row.senders) as readonly SenderGrant[] }),
      ...(appPasswords.length === 0 ? {} : { appPasswords }),
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by setRestraint
      ...(row.restraint === null ? {} : { restraint: JSON.parse(row.restraint) as AccountRestraint }),
    };
  }

  function findAccount(key: string): Account | undefined {
    const row = one<AccountRow>(sql.account, key) ?? one<AccountRow>(sql.accountByAlias, key);
    return toAccount(row);
  }

  const isName = (key: string): boolean => findAccount(key) !== undefined;

  function insert(account: Account): void {
    const { key, address, passwordHash, createdAt, suspended, scram, cram, quota, plan, raise, senders } = account;
    sql.addAccount.run(
      key,
      address,
      passwordHash,
      createdAt,
      suspended ? 1 : 0,
      scram ?? null,
      cram ?? null,
      quota ?? null,
      plan ?? null,
      raise === undefined ? null : JSON.stringify(raise),
      senders === undefined ? null : JSON.stringify(senders),
    );
    if (account.contact !== undefined) sql.setContact.run(account.contact, key);
    for (const alias of new Set(account.aliases)) sql.addAlias.run(alias, key);
  }

  /** Remembers to whom it was; how many of them were new. */
  function meet({ account, at, correspondents = [] }: NewCharge): number {
    const day = Math.floor(at / DAY);
    let met = 0;
    for (const correspondent of correspondents) {
      if (Number(sql.addCorrespondent.run(account, correspondent, day).changes) > 0) met++;
      else sql.seeCorrespondent.run(account, correspondent, day);
    }
    return met;
  }

  return {
    findAccount,
    listAccounts: ({ after, limit }) => all<AccountRow>(sql.accounts, after, limit).map((row) => toAccount(row)!),
    countAccounts: () => one<{ count: number }>(sql.countAccounts)?.count ?? 0,
    addAccount: (account) =>
      transaction(() => {
        if (takenIn([account], isName).length > 0) return false;
        insert(account);
        return true;
      }),
    addAccounts: (accounts) =>
      transaction(() => {
        const refused = takenIn(accounts, isName);
        if (refused.length === 0) for (const account of accounts) insert(account);
        return refused;
      }),
    takenAccounts: (accounts) => takenIn(accounts, isName),
    setPasswordHash: (key, passwordHash, scram, cram) =>
      sql.setPassword.run(passwordHash, scram, cram ?? null, key).changes > 0,
    countCram: () => one<{ count: number }>(sql.countCram)?.count ?? 0,
    dropCram: () =>
      transaction(() => {
        const had = all<{ name: string }>(sql.namesWithCram).map(({ name }) => name);
        sql.dropCram.run();
        if (had.length > 0) sql.setNote.run(TO_BE_SCRUBBED, "yes");
        return had;
      }),
    // What was overwritten stays in free parts of pages and in the log of changes, as good as the password, until other rows need the
    // room. The file is written anew: seldom, and accounts are a small part of it.
    scrub: () => {
      if (one(sql.note, TO_BE_SCRUBBED) === undefined) return;
      database.exec("VACUUM");
      // Nobody waits here for a backup to end.
      database.exec("PRAGMA busy_timeout = 0");
      const outcome = one<{ readonly busy: number }>(sql.checkpoint);
      database.exec(`PRAGMA busy_timeout = ${BUSY}`);
      if (outcome?.busy !== 0)
        throw new Error("another program reads the index: what was removed stays in it until that has ended");
      sql.removeNote.run(TO_BE_SCRUBBED);
    },
    completeScram: (key, passwordHash, scram) => sql.completeScram.run(scram, key, passwordHash).changes > 0,
    replacePasswordHash: (key, from, passwordHash, scram) =>
      sql.replacePassword.run(passwordHash, scram ?? null, key, from).changes > 0,
    loginSecret: () => {
      sql.addNote.run("login-secret", randomBytes(32).toString("base64"));
      return one<{ value: string }>(sql.note, "login-secret")!.value;
    },
    setSuspended: (key, suspended) => sql.setSuspended.run(suspended ? 1 : 0, key).changes > 0,
    setQuota: (key, quota) => sql.setQuota.run(quota ?? null, key).changes > 0,
    setPlan: (key, plan) => sql.setPlan.run(plan ?? null, key).changes > 0,
    setContact: (key, contact) => sql.setContact.run(contact ?? null, key).changes > 0,
    setRaise: (key, raise) => sql.setRaise.run(raise === undefined ? null : JSON.stringify(raise), key).changes > 0,
    setRestraint: (key, restraint, told = []) =>
      transaction(() => {
        const text = restraint === undefined ? null : JSON.stringify(restraint);
        if (sql.setRestraint.run(text, key).changes === 0) return false;
        for (const notice of told) notices.add({ account: key, ...notice });
        return true;
      }),
    suspended: () => all<{ readonly key: string }>(sql.suspended).map(({ key }) => key),
    restrained: () => all<{ readonly key: string }>(sql.restrained).map(({ key }) => key),
    purgeRestraints: (now) => void sql.purgeRestraints.run(now),
    restraintSpan: (now) => spanOf(sql.restraintSpan, now),
    addAlias: (key, alias) =>
      transaction(() => {
        if (one<AccountRow>(sql.account, key) === undefined || findAccount(alias) !== undefined) return false;
        return sql.addAlias.run(alias, key).changes > 0;
      }),
    removeAlias: (key, alias) => sql.removeAlias.run(alias, key).changes > 0,
    setSenders: (key, senders) =>
      sql.setSenders.run(senders.length === 0 ? null : JSON.stringify(bySender(senders)), key).changes > 0,
    addAppPassword: (key, { name, scopes, hash, createdAt }) =>
      sql.addAppPassword.run(name, JSON.stringify(scopes), hash, createdAt, key).changes > 0,
    removeAppPassword: (key, name) => sql.removeAppPassword.run(key, name).changes > 0,
    originsOf: (key) =>
      all<{ origin: number; day: number }>(sql.origins, key).map(({ origin, day }) => ({ origin, day })),
    noteOrigin: (key, origin, day) =>
      transaction(() => {
        sql.noteOrigin.run(key, origin, day);
        sql.dropOrigins.run(key);
      }),
    purgeOrigins: (before) => void sql.purgeOrigins.run(Math.floor(before / DAY)),
    originSpan: (before) => spanOf(sql.originSpan, Math.floor(before / DAY), DAY),
    noteAppPasswordUse: (key, name, { at, client }) => void sql.useAppPassword.run(at, client, key, name),
    deleteAccount: (key) => sql.deleteAccount.run(key).changes > 0,

    ...createQueueTables(database, transaction),
    ...createEnrolmentTables(database, transaction),
    ...notices.store,
    ...createTryTable(database, transaction),

    addCharges: (charges: readonly NewCharge[], through: string, lane = 0) =>
      transaction(() => {
        const strangers = charges.map((charge) => {
          const { account, at, recipients, octets } = charge;
          const met = meet(charge);
          sql.addCharge.run(account, at, recipients, met, octets);
          return met;
        });
        sql.setNote.run(throughName(lane), through);
        return strangers;
      }),
    chargesSince: (time) => ({
      charges: all<Charge>(sql.charges, time),
      through: new Map(
        all<{ readonly name: string; readonly value: string }>(sql.throughs).map(({ name, value }) => [
          Number(name.slice("charges-through-".length)),
          value,
        ]),
      ),
    }),
    purgeCharges: (before) => {
      sql.purgeCharges.run(before);
    },
    chargeSpan: (before) => spanOf(sql.chargeSpan, before),
    isCorrespondent: (account, correspondent) => one(sql.correspondent, account, correspondent) !== undefined,
    purgeCorrespondents: (before) => {
      sql.purgeCorrespondents.run(Math.floor(before / DAY));
    },
    correspondentSpan: (before) => spanOf(sql.correspondentSpan, Math.floor(before / DAY), DAY),
    profile: (account) => one<{ readonly profile: string }>(sql.profile, account)?.profile,
    saveProfiles: (profiles) => {
      transaction(() => {
        for (const { account, day, profile, suspect } of profiles)
          sql.saveProfile.run(account, day, profile, suspect ? 1 : 0);
      });
    },
    suspects: () => all<{ readonly account: string }>(sql.suspects).map(({ account }) => account),
    purgeProfiles: (before) => {
      sql.purgeProfiles.run(Math.floor(before / DAY));
    },
    profileSpan: (before) => spanOf(sql.profileSpan, Math.floor(before / DAY), DAY),
    close: () => database.close(),
  };
}

function toAppPassword({ name, scopes, hash, created_at, used_at, used_by }: AppPasswordRow): AppPassword {
  return {
    name,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by addAppPassword
    scopes: JSON.parse(scopes) as readonly LoginScope[],
    hash,
    createdAt: created_at,
    ...(used_at === null ? {} : { lastUse: { at: used_at, client: used_by ?? "" } }),
  };
}

function bySender(senders: readonly SenderGrant[]): readonly SenderGrant[] {
  return senders.toSorted((grant, other) => (grant.sender < other.sender ? -1 : 1));
}

/** The name from before there were lanes is that of lane 0. */
function throughName(lane: number): string {
  return lane === 0 ? "charges-through" : `charges-through-${lane}`;
}
