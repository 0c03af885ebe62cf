// The listening sockets of a mail thread, and how a reload changes them: new ones are opened first, so that a port that
// cannot be had changes nothing; then those that are gone from the configuration stop accepting. Sessions never notice.
//
// A port below 1024 cannot be opened after privileges are gone, and an open port cannot change its role: both are named as
// what needs a restart, and stay as they were.

import type { ListenerSettings } from "../config/settings.ts";
import type { OpenListener } from "./threads.ts";

/** What a listener of ingress/ can do. */
export interface Listener {
  readonly address: string;
  readonly port: number;
  stopAccepting(): void;
  endSessions(accounts: ReadonlySet<string>): void;
  close(grace: number): Promise<void>;
}

/** One endpoint of one [[listener]]. */
export interface Place {
  readonly role: ListenerSettings["role"];
  readonly tls: ListenerSettings["tls"];
  readonly proxies: ListenerSettings["proxies"];
  readonly mechanisms: ListenerSettings["mechanisms"];
  readonly legacy: ListenerSettings["legacy"];
  readonly substitute: ListenerSettings["substitute"];
  readonly endpoint: ListenerSettings["endpoints"][number];
  /** In events and metrics. */
  readonly name: string;
}

interface Held {
  readonly place: Place;
  readonly listener: Listener;
}

export interface ListenerChange {
  readonly opened: readonly OpenListener[];
  readonly restart: readonly string[];
  /** What the configuration no longer names stops accepting. */
  commit(): readonly OpenListener[];
  /** What was opened for it is closed; all is as before. */
  abandon(): Promise<void>;
}

export interface ListenerSet {
  /**
   * Rejects when an endpoint cannot be opened for another reason than missing privileges; nothing is open then. `ports`: what
   * another thread has opened for the same change, in the same order.
   */
  prepare(listeners: readonly ListenerSettings[], ports?: readonly number[]): Promise<ListenerChange>;
  /** Of these accounts, on all listeners, those that take no new ones too. */
  endSessions(accounts: ReadonlySet<string>): void;
  close(grace: number): Promise<void>;
}

export function createListenerSet(open: (place: Place, port: number | undefined) => Promise<Listener>): ListenerSet {
  let held: readonly Held[] = [];
  const retired: Held[] = [];

  return {
    prepare: async (listeners, ports = []) => {
      const missing = [...held];
      const added: Held[] = [];
      const restart: string[] = [];
      for (const place of placesOf(listeners)) {
        const same = missing.findIndex((each) => isSame(each.place, place));
        if (same >= 0) {
          missing.splice(same, 1);
          continue;
        }
        const other = missing.findIndex((each) => isSameEndpoint(each.place, place));
        if (other >= 0) {
          missing.splice(other, 1);
          restart.push(
            `listener ${place.name} on ${endpointOf(place)}: the port is open with another role, TLS, mechanisms or proxy setting`,
          );
          continue;
        }
        try {
          // oxlint-disable-next-line no-await-in-loop -- a few sockets, in the order of the file
          added.push({ place, listener: await open(place, ports[added.length]) });
        } catch (error) {
          if (codeOf(error) === "EACCES" && held.length > 0) {
            restart.push(`listener ${place.name} on ${endpointOf(place)}: a port below 1024 needs privileges`);
            continue;
          }
          // oxlint-disable-next-line no-await-in-loop -- it ends here
          await closeAll(added);
          throw error;
        }
      }
      return {
        opened: added.map(told),
        restart,
        commit: () => {
          for (const { listener } of missing) listener.stopAccepting();
          retired.push(...missing);
          held = [...held.filter((each) => !missing.includes(each)), ...added];
          return missing.map(told);
        },
        abandon: () => closeAll(added),
      };
    },
    endSessions: (accounts) => {
      for (const { listener } of [...held, ...retired]) listener.endSessions(accounts);
    },
    close: async (grace) => {
      await Promise.all([...held, ...retired].map(({ listener }) => listener.close(grace)));
    },
  };
}

async function closeAll(listeners: readonly Held[]): Promise<void> {
  await Promise.all(listeners.map(({ listener }) => listener.close(0)));
}

function placesOf(listeners: readonly ListenerSettings[]): readonly Place[] {
  return listeners.flatMap(({ role, tls, mechanisms, proxies, legacy, substitute, endpoints }) =>
    endpoints.map((endpoint) => ({
      role,
      tls,
      mechanisms,
      proxies,
      legacy,
      substitute,
      endpoint,
      name: tls === "implicit" ? `${role}s` : role,
    })),
  );
}

function isSameEndpoint(one: Place, other: Place): boolean {
  return one.endpoint.address === other.endpoint.address && one.endpoint.port === other.endpoint.port;
}

function isSame(one: Place, other: Place): boolean {
  const written = ({ role, tls, mechanisms, proxies, legacy, substitute }: Place): string =>
    JSON.stringify([role, tls, mechanisms, proxies, legacy, substitute]);
  return isSameEndpoint(one, other) && written(one) === written(other);
}

function endpointOf({ endpoint: { address, port } }: Place): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function told({ place, listener }: Held): OpenListener {
  return { name: place.name, address: listener.address, port: listener.port };
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
