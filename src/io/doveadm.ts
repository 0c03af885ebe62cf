// One question to the administration of a Dovecot over HTTP: `POST /doveadm/v1` with `doveadm_api_key`, as Dovecot 2.3 has it. A command, its
// parameters and a tag go; rows come back, or the exit code of the command.
//
// Every question is a connection of its own with bounds on its time and its answer, and never throws: whatever goes wrong is an answer
// too. The key goes into the one header and nowhere else, into no cause either. Under TLS the certificate is checked, for the host that is named.

import { readFile } from "node:fs/promises";
import { request as clearRequest } from "node:http";
import type { IncomingMessage } from "node:http";
import { request as tlsRequest } from "node:https";

export interface DoveadmPlace {
  /** Name or IP address. */
  readonly host: string;
  readonly port: number;
  readonly tls: "none" | "implicit";
  /** File of certificates in PEM that are believed in place of the system's. */
  readonly ca: string | undefined;
  readonly key: string;
}

export type DoveadmAnswer =
  | { readonly kind: "rows"; readonly rows: readonly unknown[] }
  /** The command ran and ended with this, of sysexits.h; 68: there is no such thing. */
  | { readonly kind: "exit"; readonly code: number }
  /** The key is good, and not for this command. */
  | { readonly kind: "forbidden"; readonly cause: string }
  /** The key is not taken. */
  | { readonly kind: "refused"; readonly cause: string }
  /** Nobody answered, or nobody who speaks this. */
  | { readonly kind: "unreached"; readonly cause: string };

/** `doveadm_exit_code` where nothing matches. */
export const NOTHING_FOUND = 68;

/** Names and parameters are those of the command line in camel case. `ended`: nobody waits any more. */
export type AskDoveadm = (
  place: DoveadmPlace,
  command: "authCacheFlush" | "kick" | "who",
  parameters: { readonly [name: string]: readonly string[] },
  ended: AbortSignal,
) => Promise<DoveadmAnswer>;

const PATIENCE = 5000;
const LARGEST_ANSWER = 4 * 1024 * 1024;
const TAG = "sekimori";

export const askDoveadm: AskDoveadm = async (place, command, parameters, ended) => {
  const patience = AbortSignal.timeout(PATIENCE);
  try {
    const body = JSON.stringify([[command, parameters, TAG]]);
    const { status, text } = await post(place, body, AbortSignal.any([ended, patience]));
    return readAnswer(command, status, text);
  } catch (error) {
    if (patience.aborted) return { kind: "unreached", cause: `no answer within ${PATIENCE / 1000} s` };
    return { kind: "unreached", cause: error instanceof Error ? error.message : String(error) };
  }
};

async function post(
  { host, port, tls, ca, key }: DoveadmPlace,
  body: string,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly text: string }> {
  const common = {
    host,
    port,
    method: "POST",
    path: "/doveadm/v1",
    agent: false,
    signal,
    headers: {
      authorization: `X-Dovecot-API ${Buffer.from(key).toString("base64")}`,
      "content-type": "application/json",
      // With "close" Dovecot 2.3 does not answer a wrong key; it closes after every answer anyway.
      connection: "keep-alive",
      "content-length": Buffer.byteLength(body),
    },
  } as const;
  const trusted = ca === undefined ? {} : { ca: await readFile(ca, { signal }) };
  return new Promise((resolve, reject) => {
    const received = (response: IncomingMessage): void => {
      response.on("error", reject);
      const { statusCode: status = 0 } = response;
      if (status !== 200) {
        // Dovecot has not read the question then, and resets the connection at once.
        resolve({ status, text: "" });
        response.destroy();
        return;
      }
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > LARGEST_ANSWER) response.destroy(new Error("the answer has no end"));
        else chunks.push(chunk);
      });
      response.once("end", () => resolve({ status, text: Buffer.concat(chunks).toString("utf8") }));
    };
    const asked =
      tls === "none"
        ? clearRequest(common, received)
        : tlsRequest({ ...common, ...trusted, minVersion: "TLSv1.2" }, received);
    asked.on("error", reject);
    asked.end(body);
  });
}

/** `[["doveadmResponse", rows, tag]]` or `[["error", { type, exitCode }, tag]]`. */
function readAnswer(command: string, status: number, text: string): DoveadmAnswer {
  if (status === 401) return { kind: "refused", cause: "Dovecot does not take the key" };
  if (status === 500) return { kind: "refused", cause: "HTTP 500: perhaps Dovecot has no doveadm_api_key" };
  if (status !== 200) return { kind: "unreached", cause: `HTTP ${status}` };
  const [kind, said] = firstOf(text);
  if (kind === "doveadmResponse" && Array.isArray(said)) return { kind: "rows", rows: said };
  if (kind !== "error" || typeof said !== "object" || said === null) {
    return { kind: "unreached", cause: "the answer is not one of Dovecot's" };
  }
  const type = "type" in said ? said.type : undefined;
  const code = "exitCode" in said ? said.exitCode : undefined;
  if (type === "exitCode" && typeof code === "number") return { kind: "exit", code };
  const why = type === "unAuthorized" ? "doveadm_allowed_commands is without it" : String(type).slice(0, 100);
  return { kind: "forbidden", cause: `Dovecot does not do ${command}: ${why}` };
}

function firstOf(text: string): readonly unknown[] {
  try {
    const answers: unknown = JSON.parse(text);
    const first: unknown = Array.isArray(answers) ? answers[0] : undefined;
    return Array.isArray(first) ? first : [];
  } catch {
    return [];
  }
}
