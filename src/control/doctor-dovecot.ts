// The Dovecot beside us, as far as it is seen without the store: whether the file of accounts is closed to everybody else, and whether Dovecot would end
// sessions when it is told to. Nobody is cut off by the question.

import { stat } from "node:fs/promises";
import type { DoveadmSettings, Settings } from "../config/settings.ts";
import type { DoveadmAnswer } from "../io/doveadm.ts";
import type { Finding } from "./doctor.ts";

/** What keeps sessions from being ended; undefined: nothing. */
export type TryDoveadm = (place: DoveadmSettings) => Promise<Exclude<DoveadmAnswer, { kind: "rows" }> | undefined>;

export async function examineDovecot(
  { dovecot }: Pick<Settings, "dovecot">,
  tryDoveadm: TryDoveadm,
): Promise<readonly Finding[]> {
  const groups = await Promise.all([
    dovecot.users === undefined ? [] : examineFile(dovecot.users),
    dovecot.doveadm === undefined ? [] : examineDoveadm(dovecot.doveadm, tryDoveadm),
  ]);
  return groups.flat();
}

/** Whether it is there, and as the accounts are, doctor-directory.ts says. */
async function examineFile(file: string): Promise<readonly Finding[]> {
  const check = "file for Dovecot";
  let mode: number;
  try {
    ({ mode } = await stat(file));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    const text = `${file} cannot be looked at: ${error instanceof Error ? error.message : String(error)}`;
    return [{ check, result: "warn", text, advice: "run doctor as root or as the user of the server" }];
  }
  const octal = (mode & 0o777).toString(8);
  if ((mode & 0o007) !== 0) {
    const text = `${file} has password hashes, is open to everybody (mode ${octal}), and is not written any more`;
    return [{ check, result: "fail", text, advice: `chmod 640 ${file}, then sekimori reload` }];
  }
  return [{ check, result: "ok", text: `${file} is closed to others (mode ${octal})` }];
}

async function examineDoveadm(place: DoveadmSettings, tryDoveadm: TryDoveadm): Promise<readonly Finding[]> {
  const check = "sessions at Dovecot";
  const where = `doveadm at ${place.host.includes(":") ? `[${place.host}]` : place.host}:${place.port}`;
  const trouble = await tryDoveadm(place);
  if (trouble === undefined) return [{ check, result: "ok", text: `${where} takes the key and would end them` }];
  const left = "sessions of suspended accounts would stay open there";
  switch (trouble.kind) {
    case "unreached":
      return [
        {
          check,
          result: "fail",
          text: `${where} does not answer (${trouble.cause}): ${left}`,
          advice: "start Dovecot, with inet_listener http in its service doveadm; ss -ltnp shows who listens",
        },
      ];
    case "refused":
      return [
        {
          check,
          result: "fail",
          text: `${where}: ${trouble.cause}: ${left}`,
          advice: "the same key as doveadm_api_key of Dovecot and as key of [dovecot] doveadm, then doveadm reload",
        },
      ];
    case "forbidden":
      return [
        {
          check,
          result: "fail",
          text: `${where}: ${trouble.cause}: ${left}`,
          advice: "doveadm_allowed_commands = kick,who,auth cache flush",
        },
      ];
    case "exit":
      return [
        {
          check,
          result: "fail",
          text: `${where}: doveadm ended with ${trouble.code}: ${left}`,
          advice: "the log of Dovecot says why: doveadm log find",
        },
      ];
  }
}
