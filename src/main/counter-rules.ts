// The limits of the configuration as the counters want them.

import type { Settings, WindowSettings } from "../config/settings.ts";
import type { CounterRules } from "../counters/counters.ts";
import type { WindowRule } from "../counters/limits.ts";

export function counterRules({ limits: { account, attempts, client } }: Settings): CounterRules {
  return {
    account: { quota: account.map(windowRule), attempts: attempts.map(windowRule) },
    client: {
      ...client,
      connectionRate: client.connectionRate.map(windowRule),
      messages: client.messages.map(windowRule),
      recipients: client.recipients.map(windowRule),
      authFailures: client.authFailures.map(windowRule),
    },
  };
}

function windowRule({ name, length, recipients }: WindowSettings): WindowRule {
  return { name, length, limit: recipients };
}
