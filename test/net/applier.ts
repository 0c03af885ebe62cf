// For the test of kills: applies a policy and says when it begins and how it came out. `applier.ts CONFIG [MILLISECONDS]`,
// with the time in which it must be confirmed.

import { netEdge } from "../../src/control/net-edge.ts";
import { openNetwork } from "../../src/control/network.ts";

const [config, within] = process.argv.slice(2);
const site = openNetwork({ config: config! });
if (!site.ok) throw new Error(site.error.problems.join("; "));
const edge = netEdge({ policy: site.value.policy, state: site.value.state, rollBack: ["/bin/true"] });
process.stdout.write("ready\n");
const outcome = await edge.apply("test", within === undefined ? undefined : Number(within));
process.stdout.write(`${JSON.stringify(outcome)}\n`);
