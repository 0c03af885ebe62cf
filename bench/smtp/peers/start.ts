// The servers under measurement, each in a process group of its own and on a loopback address of its own. Each file
// beside this one says how its server is set up, and in whose favour where there was a choice.

import { setTimeout as sleep } from "node:timers/promises";
import { openDialogue } from "../../../test/lab/client.ts";
import type { Where } from "../../../test/lab/client.ts";
import { loopbackAddress } from "../../../test/lab/loopback.ts";
import { startInGroup } from "../group.ts";
import { NotPossible } from "../scope.ts";
import type { RowScope } from "../scope.ts";
import { startEximPeer } from "./exim.ts";
import { startHaraka } from "./haraka.ts";
import type { Peer, PeerName, StartOptions, Started } from "./peer.ts";
import { startPostfixEased, startPostfixPeer } from "./postfix.ts";
import { startOurs } from "./sekimori.ts";
import { startSmtpServer } from "./smtp-server.ts";

const starts: Readonly<Record<PeerName, (options: StartOptions) => Promise<Started>>> = {
  sekimori: startOurs,
  "sekimori (again)": startOurs,
  Postfix: startPostfixPeer,
  "Postfix, eased": startPostfixEased,
  Exim: startEximPeer,
  Haraka: startHaraka,
  "smtp-server": startSmtpServer,
};

let started = 0;

/** Throws NotPossible with the reason when this machine cannot have it. */
export async function startPeer(
  name: PeerName,
  options: StartOptions & { readonly priority: "usual" | "high" },
): Promise<Peer> {
  const { scope, priority } = options;
  const probe = { address: loopbackAddress(), port: 2525 };
  await requireFree(probe);
  await requireFree({ ...probe, port: 2587 });
  const { group, value } = await startInGroup(`${name.replaceAll(/\W/g, "")}-${++started}`, priority, () =>
    starts[name](options),
  );
  // After the lab's own hook, which stops the servers: that one was registered before.
  scope.after(() => group.close());
  const greeting = await greetingOf(scope, value.where);
  if (!greeting.includes(value.hostname)) throw new NotPossible(`${name} was started, but this answers: ${greeting}`);
  return { ...value, name, group };
}

/** Throws when something listens there already, be it on every address. */
export async function requireFree(where: Where): Promise<void> {
  const scope = { after: () => undefined };
  const other = await openDialogue(scope, where).catch(() => undefined);
  if (other === undefined) return;
  other.destroy();
  throw new NotPossible(`something listens on port ${where.port} already`);
}

async function greetingOf(scope: RowScope, where: Where): Promise<string> {
  const session = await openDialogue(scope, where);
  const { raw } = await session.reply();
  await session.command("QUIT");
  session.destroy();
  await sleep(50);
  return raw;
}
