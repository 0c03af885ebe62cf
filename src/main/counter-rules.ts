// The limits of the configuration as the counters want them.

import type { PlanSettings, Settings, WindowSettings } from "../config/settings.ts";
import type { PlanRules } from "../counters/account-limits.ts";
import type { CounterRules } from "../counters/counters.ts";
import type { WindowRule } from "../counters/limits.ts";

export function counterRules({ limits: { standard, plans, domain, client } }: Settings): CounterRules {
  return {
    account: {
      standard: planRules(standard),
      plans: Object.fromEntries([...plans].map(([name, plan]) => [name, planRules(plan)])),
      domain: domain.map(windowRule),
    },
    client: {
      connections: client.connections,
      exempt: client.exempt,
      connectionRate: client.connectionRate.map(windowRule),
      messages: client.messages.map(windowRule),
      recipients: client.recipients.map(windowRule),
      authFailures: client.authFailures.map(windowRule),
    },
  };
}

function planRules({ recipients, attempts, messages, newRecipients, bytes }: PlanSettings): PlanRules {
  return {
    "new-recipients": newRecipients.map(windowRule),
    bytes: bytes.map(windowRule),
    recipients: recipients.map(windowRule),
    attempts: attempts.map(windowRule),
    messages: messages.map(windowRule),
  };
}

function windowRule({ name, length, recipients }: WindowSettings): WindowRule {
  return { name, length, limit: recipients };
}
