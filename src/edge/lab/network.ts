// Builds the network of the lab out of namespaces and veth pairs, in the world that world.ts has made. Nothing is torn
// down: the world ends with its process, and the kernel takes everything back.

import { outputOf } from "../../io/program.ts";
import { addressOf, labHosts, labLinks, labRouters, labTrunks } from "./topology.ts";
import type { LabHost, LabLink, LabRouter } from "./topology.ts";

const gateway4 = "10.255.0.1";
const gateway6 = "fe80::1";
const patience = 20_000;

/** One SYN and one repetition: a filter that drops is known after half a second. */
const settings: readonly string[] = [
  "net/ipv4/conf/all/rp_filter=0",
  "net/ipv4/conf/default/rp_filter=0",
  "net/ipv6/conf/all/accept_dad=0",
  "net/ipv6/conf/default/accept_dad=0",
  "net/ipv4/tcp_syn_retries=1",
  // An answer that a filter drops must not come again in the middle of a later scenario.
  "net/ipv4/tcp_synack_retries=0",
];
const forwarding: readonly string[] = ["net/ipv4/ip_forward=1", "net/ipv6/conf/all/forwarding=1"];

export async function buildNetwork(): Promise<void> {
  const spaces = [...labHosts, ...labRouters];
  await ip(
    [],
    [
      ...spaces.map((name) => `netns add ${name}`),
      ...labLinks.map(
        ({ router, host, device, line }) =>
          `link add ${line} netns ${router} type veth peer name ${device} netns ${host}`,
      ),
      ...labTrunks.map(
        ({ customer, upstream }) =>
          `link add t-${upstream} netns ${customer} type veth peer name t-${customer} netns ${upstream}`,
      ),
    ],
  );
  await Promise.all(spaces.map((name) => set(name, name in routerNames ? [...settings, ...forwarding] : settings)));
  await Promise.all([
    ...labHosts.map((name) => ip(["-n", name], hostCommands(name))),
    ...labRouters.map((name) => ip(["-n", name], routerCommands(name))),
  ]);
}

/**
 * The way out of a host, and the source it uses: its own, or with another link's address the forged one of the asymmetric
 * routing attack.
 */
export async function routeBy(
  host: LabHost,
  device: string,
  source: { readonly ipv4: string; readonly ipv6: string },
): Promise<void> {
  await ip(
    ["-n", host],
    [
      `route replace default via ${gateway4} dev ${device} onlink src ${source.ipv4}`,
      `-6 route replace default via ${gateway6} dev ${device} src ${source.ipv6}`,
    ],
  );
}

const routerNames: Readonly<Record<string, true>> = Object.fromEntries(labRouters.map((name) => [name, true]));

function hostCommands(host: LabHost): readonly string[] {
  const links = labLinks.filter((each) => each.host === host);
  return [
    "link set dev lo up",
    ...links.flatMap(({ device, ipv4, ipv6 }) => [
      `link set dev ${device} up`,
      `addr add ${ipv4}/32 dev ${device}`,
      `addr add ${ipv6}/128 dev ${device} nodad`,
    ]),
    `route add default via ${gateway4} dev ${links[0]!.device} onlink src ${addressOf(host, 4)}`,
    `-6 route add default via ${gateway6} dev ${links[0]!.device} src ${addressOf(host, 6)}`,
  ];
}

function routerCommands(router: LabRouter): readonly string[] {
  return [
    "link set dev lo up",
    ...labLinks.filter((each) => each.router === router).flatMap(lineCommands),
    ...labTrunks.flatMap((trunk) => trunkCommands(router, trunk)),
  ];
}

function lineCommands({ line, ipv4, ipv6 }: LabLink): readonly string[] {
  return [
    `addr add ${gateway4}/32 dev ${line}`,
    `addr add ${gateway6}/64 dev ${line} nodad`,
    `link set dev ${line} up`,
    `route add ${ipv4}/32 dev ${line}`,
    `-6 route add ${ipv6}/128 dev ${line}`,
  ];
}

function trunkCommands(
  router: LabRouter,
  { customer, upstream, number, networks }: (typeof labTrunks)[number],
): readonly string[] {
  const up = { ipv4: `10.254.${number}.2`, ipv6: `fd00:254:${number}::2` };
  const down = { ipv4: `10.254.${number}.1`, ipv6: `fd00:254:${number}::1` };
  if (router === customer) {
    return [
      `link set dev t-${upstream} up`,
      `addr add ${down.ipv4}/30 dev t-${upstream}`,
      `addr add ${down.ipv6}/64 dev t-${upstream} nodad`,
      `route add default via ${up.ipv4}`,
      `-6 route add default via ${up.ipv6}`,
    ];
  }
  if (router !== upstream) return [];
  return [
    `link set dev t-${customer} up`,
    `addr add ${up.ipv4}/30 dev t-${customer}`,
    `addr add ${up.ipv6}/64 dev t-${customer} nodad`,
    ...networks.map((network) =>
      network.includes(":") ? `-6 route add ${network} via ${down.ipv6}` : `route add ${network} via ${down.ipv4}`,
    ),
  ];
}

/** `ip -batch` knows no family in front of a command: those go in a run of their own, after the others. */
async function ip(options: readonly string[], commands: readonly string[]): Promise<void> {
  for (const [family, batch] of [
    [[], commands.filter((command) => !isIpv6(command))],
    [["-6"], commands.filter(isIpv6).map((command) => command.slice(3))],
  ] as const) {
    if (batch.length === 0) continue;
    await outputOf({
      program: "ip",
      parameters: [...family, ...options, "-batch", "-"],
      input: `${batch.join("\n")}\n`,
      milliseconds: patience,
    });
  }
}

async function set(space: string, values: readonly string[]): Promise<void> {
  const lines = values.map((each) => {
    const [path, value] = each.split("=");
    return `echo ${value} > /proc/sys/${path}`;
  });
  await outputOf({
    program: "ip",
    parameters: ["netns", "exec", space, "sh", "-ec", lines.join("\n")],
    milliseconds: patience,
  });
}

function isIpv6(command: string): boolean {
  return command.startsWith("-6 ");
}
