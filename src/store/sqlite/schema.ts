// The tables, and how an older file becomes a newer one. `user_version` says which steps were taken; a step is never
// changed once released, a new one is added at the end.

import type { DatabaseSync } from "node:sqlite";
import { inTransaction } from "./transaction.ts";

const steps: readonly string[] = [
  `CREATE TABLE account (
     key TEXT PRIMARY KEY,
     address TEXT NOT NULL,
     password_hash TEXT NOT NULL,
     created_at INTEGER NOT NULL,
     suspended INTEGER NOT NULL DEFAULT 0
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE account_alias (
     alias TEXT PRIMARY KEY,
     account TEXT NOT NULL REFERENCES account (key) ON DELETE CASCADE
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX account_alias_account ON account_alias (account);
   CREATE TABLE waiting_message (
     id TEXT PRIMARY KEY,
     message TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE waiting_recipient (
     id TEXT NOT NULL REFERENCES waiting_message (id) ON DELETE CASCADE,
     recipient INTEGER NOT NULL,
     attempts INTEGER NOT NULL,
     due INTEGER NOT NULL,
     leased_until INTEGER NOT NULL DEFAULT 0,
     status TEXT NOT NULL,
     reply TEXT NOT NULL,
     PRIMARY KEY (id, recipient)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX waiting_recipient_due ON waiting_recipient (due);
   CREATE TABLE charge (
     account TEXT NOT NULL,
     at INTEGER NOT NULL,
     recipients INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX charge_at ON charge (at);
   CREATE TABLE note (
     name TEXT PRIMARY KEY,
     value TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;`,
  `ALTER TABLE account ADD COLUMN scram TEXT;`,
  "ALTER TABLE waiting_recipient ADD COLUMN warned INTEGER NOT NULL DEFAULT 0",
  // Holding, classes, two levels, attempts. The domain is what follows the last @; there is none in a bare postmaster.
  `ALTER TABLE waiting_message ADD COLUMN sender TEXT NOT NULL DEFAULT '';
   UPDATE waiting_message SET sender = lower(json_extract(message, '$.sender'));
   CREATE INDEX waiting_message_sender ON waiting_message (sender);
   ALTER TABLE waiting_recipient ADD COLUMN domain TEXT NOT NULL DEFAULT '';
   ALTER TABLE waiting_recipient ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE waiting_recipient ADD COLUMN class INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE waiting_recipient ADD COLUMN ready INTEGER NOT NULL DEFAULT 0;
   UPDATE waiting_recipient SET class = attempts > 0, domain = (
     SELECT CASE WHEN instr(address, '@') = 0 THEN ''
       ELSE lower(substr(address, length(rtrim(address, replace(address, '@', ''))) + 1)) END
     FROM (SELECT json_extract(message, '$.recipients[' || waiting_recipient.recipient || ']') AS address
       FROM waiting_message WHERE waiting_message.id = waiting_recipient.id));
   DROP INDEX waiting_recipient_due;
   CREATE INDEX waiting_recipient_scheduled ON waiting_recipient (class, due)
     WHERE held = 0 AND leased_until = 0 AND ready = 0;
   CREATE INDEX waiting_recipient_ready ON waiting_recipient (domain, class, due)
     WHERE held = 0 AND leased_until = 0 AND ready = 1;
   CREATE INDEX waiting_recipient_leased ON waiting_recipient (leased_until) WHERE leased_until > 0;
   CREATE INDEX waiting_recipient_held ON waiting_recipient (held) WHERE held = 1;
   CREATE INDEX waiting_recipient_domain ON waiting_recipient (domain);
   CREATE TABLE attempt (
     id TEXT NOT NULL REFERENCES waiting_message (id) ON DELETE CASCADE,
     recipient INTEGER NOT NULL,
     serial INTEGER NOT NULL,
     at INTEGER NOT NULL,
     remote TEXT NOT NULL,
     status TEXT NOT NULL,
     reply TEXT NOT NULL,
     tls TEXT NOT NULL,
     milliseconds INTEGER NOT NULL,
     PRIMARY KEY (id, recipient, serial)
   ) STRICT, WITHOUT ROWID;`,
  "ALTER TABLE account ADD COLUMN quota INTEGER",
  // Lanes: whose spool a message is in. There was one before.
  `ALTER TABLE waiting_recipient ADD COLUMN lane INTEGER NOT NULL DEFAULT 0;
   DROP INDEX waiting_recipient_scheduled;
   DROP INDEX waiting_recipient_ready;
   CREATE INDEX waiting_recipient_scheduled ON waiting_recipient (lane, class, due)
     WHERE held = 0 AND leased_until = 0 AND ready = 0;
   CREATE INDEX waiting_recipient_ready ON waiting_recipient (lane, domain, class, due)
     WHERE held = 0 AND leased_until = 0 AND ready = 1;`,
  "ALTER TABLE account ADD COLUMN plan TEXT; ALTER TABLE account ADD COLUMN raise TEXT",
  "ALTER TABLE account ADD COLUMN senders TEXT",
  // Limits of octets and of new recipients. Days are days of the epoch.
  `ALTER TABLE charge ADD COLUMN new_recipients INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE charge ADD COLUMN octets INTEGER NOT NULL DEFAULT 0;
   CREATE TABLE correspondent (
     account TEXT NOT NULL,
     fingerprint INTEGER NOT NULL,
     day INTEGER NOT NULL,
     PRIMARY KEY (account, fingerprint)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX correspondent_day ON correspondent (day);`,
  // SQLite looks the message up for every recipient that refers to it, and would read the whole record to compare one key: of ten
  // thousand recipients that is 200 kB, ten thousand times. Beside it is an index of nothing but ids.
  `CREATE TABLE waiting_record (
     id TEXT NOT NULL PRIMARY KEY REFERENCES waiting_message (id) ON DELETE CASCADE,
     message TEXT NOT NULL
   ) STRICT;
   INSERT INTO waiting_record SELECT id, message FROM waiting_message ORDER BY id;
   ALTER TABLE waiting_message DROP COLUMN message;`,
  `CREATE TABLE app_password (
     account TEXT NOT NULL REFERENCES account (key) ON DELETE CASCADE,
     name TEXT NOT NULL,
     scopes TEXT NOT NULL,
     hash TEXT NOT NULL,
     created_at INTEGER NOT NULL,
     used_at INTEGER,
     used_by TEXT,
     PRIMARY KEY (account, name)
   ) STRICT, WITHOUT ROWID;`,
  `CREATE TABLE abuse_profile (
     account TEXT NOT NULL PRIMARY KEY,
     day INTEGER NOT NULL,
     profile TEXT NOT NULL
   ) STRICT;
   CREATE INDEX abuse_profile_day ON abuse_profile (day);`,
  "ALTER TABLE account ADD COLUMN contact TEXT",
  `CREATE TABLE login_origin (
     account TEXT NOT NULL REFERENCES account (key) ON DELETE CASCADE,
     origin INTEGER NOT NULL,
     day INTEGER NOT NULL,
     PRIMARY KEY (account, origin)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX login_origin_day ON login_origin (day);`,
  // Addresses at third parties: who proved which, codes that were mailed, what the third parties publish.
  `CREATE TABLE enrolment (
     account TEXT NOT NULL REFERENCES account (key) ON DELETE CASCADE,
     address TEXT NOT NULL,
     domain TEXT NOT NULL,
     valid_until INTEGER,
     code_hash TEXT,
     code_expires INTEGER,
     code_tries INTEGER NOT NULL DEFAULT 0,
     PRIMARY KEY (account, address)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX enrolment_domain ON enrolment (domain);
   CREATE TABLE enrolment_code (
     account TEXT NOT NULL,
     address TEXT NOT NULL,
     at INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX enrolment_code_at ON enrolment_code (at);
   CREATE TABLE third_party (
     domain TEXT NOT NULL PRIMARY KEY,
     reading TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;`,
  // What is done about accounts that somebody else may be using: restraints of the account, and who is suspect; whose mail waits,
  // and that it is held for that (2; an operator or a limit: 1).
  `ALTER TABLE account ADD COLUMN restraint TEXT;
   ALTER TABLE abuse_profile ADD COLUMN suspect INTEGER NOT NULL DEFAULT 0;
   UPDATE abuse_profile SET suspect = 1 WHERE json_extract(profile, '$.told') IS NOT NULL;
   CREATE INDEX abuse_profile_suspect ON abuse_profile (account) WHERE suspect = 1;
   ALTER TABLE waiting_message ADD COLUMN account TEXT NOT NULL DEFAULT '';
   UPDATE waiting_message SET account = coalesce(
     (SELECT json_extract(message, '$.account') FROM waiting_record WHERE waiting_record.id = waiting_message.id), '');
   CREATE INDEX waiting_message_account ON waiting_message (account);
   DROP INDEX waiting_recipient_held;
   CREATE INDEX waiting_recipient_held ON waiting_recipient (held) WHERE held > 0;`,
  "ALTER TABLE account ADD COLUMN cram TEXT",
  // The end of the proof of which its holder was told.
  "ALTER TABLE enrolment ADD COLUMN reminded_for INTEGER",
  // What customers are told of steps against their accounts: one row, one message. Ids are never used again.
  `CREATE TABLE abuse_notice (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     account TEXT NOT NULL REFERENCES account (key) ON DELETE CASCADE,
     recipient TEXT NOT NULL,
     at INTEGER NOT NULL,
     news TEXT NOT NULL,
     told_at INTEGER
   ) STRICT;
   CREATE INDEX abuse_notice_told ON abuse_notice (account, recipient, told_at);
   CREATE INDEX abuse_notice_pending ON abuse_notice (id) WHERE told_at IS NULL;`,
  // Few have these, or none, and they are asked for every hour.
  `CREATE INDEX account_cram ON account (key) WHERE cram IS NOT NULL;
   CREATE INDEX account_restraint ON account (key) WHERE restraint IS NOT NULL;`,
  // What accounts tried, minute by minute: a restart gives it back no more.
  `CREATE TABLE rcpt_try (
     account TEXT NOT NULL,
     at INTEGER NOT NULL,
     tries INTEGER NOT NULL,
     PRIMARY KEY (account, at)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX rcpt_try_at ON rcpt_try (at);`,
];

const schemaVersion = steps.length;

/** Brings the file to a version. Throws when it was written by a newer program: then nothing is touched. */
export function migrate(database: DatabaseSync, upTo = schemaVersion): void {
  const found = Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
  if (found > schemaVersion) {
    throw new Error(`the index has version ${found}, this program knows ${schemaVersion}: use the newer program`);
  }
  for (let version = found; version < upTo; version++) {
    inTransaction(database, () => {
      database.exec(steps[version]!);
      database.exec(`PRAGMA user_version = ${version + 1}`);
    });
  }
}
