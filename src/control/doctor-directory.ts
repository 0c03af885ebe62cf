// What the doctor sees in the store: third parties of the substitute role whose SPF and DMARC refuse our mail or were not read for long, and whether
// the copy of the accounts that Dovecot reads is as the accounts are. One finding for each third party with a problem, one for all others.
//
// Limits: of the line of a suspended account it is known that it has not the account's own hash, not that nobody has its password: an even older one of
// it would pass.

import { readFile } from "node:fs/promises";
import type { Settings } from "../config/settings.ts";
import { wayOf } from "../directory/enrolments.ts";
import type { Clock } from "../io/clock.ts";
import type { Remote } from "../io/rpc.ts";
import type { Store, ThirdParty } from "../store/store.ts";
import type { CredentialView } from "./control.ts";
import { readCredentials } from "./credentials.ts";
import type { Finding } from "./doctor.ts";
import { compareDovecotUsers } from "./dovecot-users.ts";

export interface DirectoryExamination {
  readonly settings: Pick<Settings, "substitute" | "listeners" | "dovecot">;
  readonly store: Pick<Remote<Store>, "enrolledDomains" | "thirdParty" | "listAccounts">;
  readonly clock: Pick<Clock, "wall">;
  readonly server: "running" | "stopped";
  /** Lets a running server write what has just changed. */
  readonly pause: () => Promise<void>;
}

/** Whether there is anything to look for in the store. */
export function hasDirectoryChecks({ listeners, dovecot }: DirectoryExamination["settings"]): boolean {
  return dovecot.users !== undefined || listeners.some(({ role }) => role === "substitute");
}

export async function examineDirectory(examination: DirectoryExamination): Promise<readonly Finding[]> {
  return [...(await examineThirdParties(examination)), ...(await examineCopy(examination))];
}

async function examineThirdParties({
  settings,
  store,
  clock,
  server,
}: DirectoryExamination): Promise<readonly Finding[]> {
  if (!settings.listeners.some(({ role }) => role === "substitute")) return [];
  const domains = await store.enrolledDomains();
  const findings: Finding[] = [];
  let good = 0;
  for (const domain of domains) {
    // oxlint-disable-next-line no-await-in-loop -- one store
    const found = standingOf(domain, await store.thirdParty(domain), settings, clock.wall(), server);
    if (found === "good") good++;
    else if (found !== "over") findings.push(found);
  }
  if (good === 0) return findings;
  const text = `${good} of ${domains.length}: receivers take their mail from here, or it goes by the way that was agreed`;
  return [...findings, { check: "third parties", result: "ok", text }];
}

/** "over": by agreement its mail is carried no longer. */
function standingOf(
  domain: string,
  party: ThirdParty | undefined,
  { substitute }: Pick<Settings, "substitute">,
  now: number,
  server: "running" | "stopped",
): Finding | "good" | "over" {
  const check = `third party ${domain}`;
  const again =
    server === "stopped"
      ? "start the server: it reads them again"
      : "look at [dns] and the resolver, and at substitute.judged in the log";
  const way = wayOf(domain, party, substitute, now);
  switch (way.kind) {
    case "unfit": {
      const text = `its mail is refused here, as receivers would refuse it: ${way.words}`;
      const advice =
        "ask it to put our addresses into its SPF record, or agree on a way by its server: relay of [[substitute.provider]]";
      return { check, result: "fail", text, advice };
    }
    case "unread":
      return { check, result: "warn", text: `its mail is answered 451, as nobody knows: ${way.cause}`, advice: again };
    case "over":
      return "over";
    case "valid":
      break;
  }
  const known = party?.known;
  // By its own server it needs no reading.
  if (way.way === "relay" || known === undefined || now - known.at <= 2 * substitute.reread) return "good";
  const [since, until] = [known.at, known.at + substitute.keepVerdict].map((at) => new Date(at).toISOString());
  const why = party?.cause === undefined ? "" : ` (${party.cause})`;
  const text = `SPF and DMARC were read last at ${since}${why}; from ${until} on its mail is answered 451`;
  return { check, result: "warn", text, advice: again };
}

async function examineCopy(examination: DirectoryExamination): Promise<readonly Finding[]> {
  const file = examination.settings.dovecot.users;
  if (file === undefined) return [];
  const first = await compared(file, examination);
  if (first.result === "ok" || examination.server === "stopped") return [first];
  // A change of this moment is written within a second.
  await examination.pause();
  return [await compared(file, examination)];
}

async function compared(file: string, { store, server }: DirectoryExamination): Promise<Finding> {
  const check = "accounts for Dovecot";
  // Before the file, which is written from them.
  const credentials: readonly CredentialView[] = await readCredentials(store);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" && server === "stopped") {
      const missing = `${file} does not exist: nobody logs in at Dovecot`;
      return { check, result: "warn", text: missing, advice: "start the server: it writes the file" };
    }
    const why = error instanceof Error ? error.message : String(error);
    return {
      check,
      result: "fail",
      text: `${file} cannot be read: ${why}`,
      advice: "internal.failed in the log says why it is not written; then sekimori reload, which writes it again",
    };
  }
  const { suspended, other, gone, missing, names } = compareDovecotUsers(text, credentials);
  const differences = [
    counted(suspended, "suspended may log in"),
    counted(gone, "gone may log in"),
    counted(other, "with another password"),
    counted(missing, "missing"),
  ].filter((each) => each !== undefined);
  if (differences.length === 0) return { check, result: "ok", text: `${file} is as the accounts are, ${names} names` };
  return {
    check,
    result: "fail",
    text: `${file} is older than the accounts: ${differences.join("; ")}`,
    advice:
      server === "stopped"
        ? "start the server: it writes the file"
        : "internal.failed in the log says why it is not written; then sekimori reload, which writes it again",
  };
}

const MOST_NAMED = 3;

function counted(names: readonly string[], what: string): string | undefined {
  if (names.length === 0) return undefined;
  const more = names.length > MOST_NAMED ? ", …" : "";
  return `${names.length} ${what} (${names.slice(0, MOST_NAMED).join(", ")}${more})`;
}
