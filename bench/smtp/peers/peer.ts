// What every server under measurement has in common: how it is asked to start, and what comes of it.

import type { Where } from "../../../test/lab/client.ts";
import type { ProcessGroup } from "../group.ts";
import type { RowScope } from "../scope.ts";

export const peerNames = [
  "sekimori",
  "Postfix",
  "Postfix, eased",
  "Exim",
  "Haraka",
  "smtp-server",
  "sekimori (again)",
] as const;
export type PeerName = (typeof peerNames)[number];

/** Those that queue, sync before they answer, and deliver: the best of them is the bar. */
export const durablePeers: readonly PeerName[] = ["Postfix", "Exim", "Haraka"];
export const ours: readonly PeerName[] = ["sekimori", "sekimori (again)"];

export type Mode =
  /** Mail from outside is taken, in clear and without AUTH, and kept. */
  | { readonly kind: "keep" }
  /** Mail is taken on TLS and relayed: that for example.jp goes to this address, that for others to theirs. */
  | { readonly kind: "relay"; readonly to: Where; readonly others?: readonly Route[] }
  /** Mail from outside is taken, in clear and without AUTH, and handed to this LMTP store. */
  | { readonly kind: "store"; readonly to: Where }
  /** Mail is taken from accounts, after TLS 1.3 and AUTH PLAIN, and kept. */
  | { readonly kind: "submission" };

export interface Route {
  readonly domain: string;
  readonly to: Where;
}

export interface StartOptions {
  readonly scope: RowScope;
  readonly mode: Mode;
  /** Of clients at once, at most. */
  readonly connections: number;
  /** For the server's processes: a preloaded library. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface Started {
  readonly version: string;
  readonly where: Where;
  /** Stands in its greeting. */
  readonly hostname: string;
  /** Initial response of AUTH PLAIN; undefined where the address of the client is enough. */
  readonly credentials: string | undefined;
}

export interface Peer extends Omit<Started, "hostname"> {
  readonly name: PeerName;
  readonly group: ProcessGroup;
}

export const domain = "sekimori.test";
export const account = { address: `bench@${domain}`, password: "correct horse battery" } as const;

/** The recipient of acceptance rows; with -r smtp-source puts a number in front. */
export const localRecipient = account.address;
export const remoteRecipient = "bob@example.jp";
export const sender = account.address;
/** For acceptance: from outside. */
export const strangeSender = "alice@example.org";
/** The name of the others. */
export const peerHostname = "peer.example.jp";
