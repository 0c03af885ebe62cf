// Rules about listeners: which role goes with what, who collides with whom, what a session may do.

import type { Path } from "../check.ts";
import { divide, mostOwnBudgets } from "../budgets.ts";
import { listenerTlsOf } from "../convert.ts";
import { formatPlace } from "../problem.ts";
import type { Place } from "../problem.ts";
import { writeEndpoint, writeSize } from "../scalars.ts";
import type { Endpoint } from "../settings.ts";
import { present } from "./rules.ts";
import type { Rules } from "./rules.ts";

/** Ports on which clients expect one way of TLS (RFC 8314 §7, IANA registry). */
const usualTls: Readonly<Record<string, "starttls" | "implicit">> = {
  "submission 465": "implicit",
  "submission 587": "starttls",
  "substitute 465": "implicit",
  "substitute 587": "starttls",
  "pop3 995": "implicit",
  "pop3 110": "starttls",
};

export function checkListeners(rules: Rules): void {
  const { draft, placeOf } = rules.tree;
  const endpoints: (readonly [endpoint: Endpoint, place: Place])[] = [];
  for (const [index, listener] of present(draft.listener)) {
    const at: Path = ["listener", index];
    const { role, tls } = listener;
    for (const key of ["until", "pop-before-smtp"] as const) {
      if (role === undefined || role === "legacy" || listener[key] === undefined) continue;
      if (key === "until") {
        if (role === "substitute") continue;
        rules.report(placeOf(...at, key), '"until" is for roles "legacy" and "substitute": no other listener ends');
        continue;
      }
      const why = "whoever shares the address could send as well; on every other listener people log in to send";
      rules.report(placeOf(...at, key), `"${key}" is for role "legacy": ${why}`);
    }
    if (role === "mx" && listener.mechanisms !== undefined) {
      rules.report(
        placeOf(...at, "mechanisms"),
        "an mx listener offers no AUTH",
        "people log in on a submission listener",
      );
    }
    const place = placeOf(...at, "tls");
    if (role === "mx" && tls === "implicit") {
      rules.report(place, "an mx listener has no implicit TLS", "other servers only know STARTTLS (RFC 3207)");
    } else if (role !== undefined && role !== "mx" && tls === "none") {
      rules.report(place, `a ${role} listener needs TLS, as passwords pass only inside it`, '"starttls" or "implicit"');
    }
    for (const [position, endpoint] of present(listener.listen)) {
      const endpointPlace = placeOf(...at, "listen", position);
      endpoints.push([endpoint, endpointPlace]);
      const usual = usualTls[`${role} ${endpoint.port}`];
      if (role === undefined || usual === undefined) continue;
      const effective = listenerTlsOf({ role, tls });
      if (effective === usual || effective === "none") continue;
      rules.report(
        endpointPlace,
        `clients expect tls = "${usual}" on port ${endpoint.port}`,
        "make it a listener of its own",
      );
    }
  }
  for (const table of ["http", "web", "dovecot"] as const) {
    for (const [position, endpoint] of present(draft[table]?.listen)) {
      endpoints.push([endpoint, placeOf(table, "listen", position)]);
    }
  }
  for (const [index, [endpoint, place]] of endpoints.entries()) {
    const other = endpoints.slice(0, index).find(([earlier]) => collide(earlier, endpoint));
    if (other === undefined) continue;
    const name = writeEndpoint(endpoint);
    rules.report(place, `${name} collides with ${writeEndpoint(other[0])} at ${formatPlace(other[1], place)}`);
  }
}

/** A wildcard takes the port on every address of its family; port 0 never collides. */
function collide(a: Endpoint, b: Endpoint): boolean {
  if (a.port !== b.port || a.port === 0 || a.address.includes(":") !== b.address.includes(":")) return false;
  return a.address === b.address || [a.address, b.address].some((address) => address === "0.0.0.0" || address === "::");
}

export function checkSession(rules: Rules): void {
  const { draft, placeOf } = rules.tree;
  const { recipients, "content-memory": memory, "message-size": size } = draft.smtp ?? {};
  const isExchanger = present(draft.listener).some(([, listener]) => listener.role === "mx");
  if (isExchanger && recipients !== undefined && recipients < 100) {
    rules.report(
      placeOf("smtp", "recipients"),
      `${recipients} is too few for an mx listener`,
      "at least 100 (RFC 5321 §4.5.3.1.8)",
    );
  }
  if (memory !== undefined && size !== undefined && memory < size) {
    const message = `content-memory ${writeSize(memory)} has no room for one message of message-size ${writeSize(size)}`;
    rules.report(placeOf("smtp", "content-memory"), message);
    return;
  }
  checkBudgets(rules);
}

/** Every listener needs a part of what there is for all (budgets.ts). */
function checkBudgets(rules: Rules): void {
  const { draft, placeOf } = rules.tree;
  const { sessions, "content-memory": memory, "message-size": size } = draft.smtp ?? {};
  const listeners = present(draft.listener);
  let owners = 0;
  for (const [index, listener] of listeners) {
    const named = (["sessions", "content-memory"] as const).filter((key) => listener[key] !== undefined);
    if (named.length > 0 && ++owners > mostOwnBudgets) {
      const message = `at most ${mostOwnBudgets} listeners have sessions or content-memory of their own`;
      rules.report(placeOf("listener", index, named[0]!), message);
    }
    for (const key of named) {
      if (listener.role !== "pop3") continue;
      rules.report(placeOf("listener", index, key), `"${key}" is for listeners that take mail, and pop3 takes none`);
    }
    const own = listener["content-memory"];
    if (own === undefined || size === undefined || own >= size || listener.role === "pop3") continue;
    const message = `content-memory ${writeSize(own)} has no room for one message of message-size ${writeSize(size)}`;
    rules.report(placeOf("listener", index, "content-memory"), message);
  }
  if (listeners.some(([, { role }]) => role === undefined)) return;
  const claims = (key: "sessions" | "content-memory") =>
    listeners.map(([, { role = "pop3", [key]: own }]) => ({ role, own }));
  for (const [key, total, least] of [
    ["sessions", sessions, 1],
    ["content-memory", memory, size],
  ] as const) {
    if (total === undefined || least === undefined) continue;
    const { left, roles, part } = divide(total, claims(key));
    const write = key === "sessions" ? String : writeSize;
    if (left >= 0 && (roles.length === 0 || part >= least)) continue;
    const needed = key === "sessions" ? "one each" : `one message of message-size ${writeSize(least)} each`;
    const wanted = roles.length === 0 ? "its listeners name more" : `${roles.join(" and ")} need ${needed}`;
    const message = `${key} ${write(total)} is too little: ${wanted}`;
    rules.report(placeOf("smtp", key), message);
  }
}
